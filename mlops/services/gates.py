"""What a promotion is held to, and how somebody with the right may overrule it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from accounts.api import User
from mlops.constants import GateMetric
from mlops.errors import CodedError
from mlops.models import Dataset, Evaluation, ModelVersion, PromotionGate
from mlops.selectors import dataset_reference, evaluation_latest
from mlops.services.errors import ForceError, GateError
from mlops.services.evaluations import evaluations_compare

FORCE_PERMISSION = "mlops.force_promotion"


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate's judgement, with the words that explain it."""

    metric: str
    passed: bool
    words: str


def gates_judge(*, version: ModelVersion, champion: ModelVersion | None) -> list[GateResult]:
    """Every enabled gate's judgement of *version* in place of *champion*.

    Without a reference data set there are no figures to compare and no gates; a version that was
    not evaluated on it passes none.
    """
    dataset = dataset_reference()
    gates = list(PromotionGate.objects.filter(enabled=True))
    if dataset is None or champion is None or not gates:
        return []
    candidate = evaluation_latest(version, dataset)
    if candidate is None:
        return [
            GateResult(
                metric="evaluation",
                passed=False,
                words=f"{version} is not evaluated on {dataset} yet",
            )
        ]
    case = _Case(dataset, candidate, evaluation_latest(champion, dataset), champion)
    return [_JUDGES[gate.metric](gate, case) for gate in gates]


def gates_require(
    *,
    version: ModelVersion,
    champion: ModelVersion,
    actor: User | None,
    force: bool,
    reason: str,
) -> dict[str, Any]:
    """What the event of the promotion keeps: every judgement, and whether it was forced.

    Raises:
        GateError: if a gate refuses and *force* is not set.
        ForceError: if *force* comes from somebody who may not, or without a reason.
    """
    if force and actor is not None and not actor.has_perm(FORCE_PERMISSION):
        raise ForceError(f"{actor} may not force a promotion; the permission is {FORCE_PERMISSION}")
    if force and not reason.strip():
        raise ForceError("a forced promotion needs a reason")
    results = gates_judge(version=version, champion=champion)
    refused = [result.words for result in results if not result.passed]
    if refused and not force:
        raise GateError(f"{version} is not promoted: {'; '.join(refused)}")
    return {
        "gates": [asdict(result) for result in results],
        "forced": bool(force and refused),
    }


@dataclass(frozen=True, slots=True)
class _Case:
    dataset: Dataset
    candidate: Evaluation
    champions: Evaluation | None
    champion: ModelVersion


def _f1_macro(gate: PromotionGate, case: _Case) -> GateResult:
    if case.champions is None:
        words = f"{case.champion} is not evaluated on {case.dataset} yet"
        return _result(gate, words, passed=False)
    # The lower end of a two-sided interval of level 2c - 1 holds with confidence c.
    level = 2 * gate.confidence - 1
    try:
        found = evaluations_compare(candidate=case.candidate, champion=case.champions, level=level)
    except CodedError as error:
        return _result(gate, str(error), passed=False)
    difference = found["figures"]["f1_macro"]["difference"]
    low = found["intervals"]["f1_macro"][0]
    words = (
        f"macro-F1 {difference:+.4f}, with {gate.confidence:.0%} confidence at least {low:+.4f}; "
        f"{-gate.limit:+.4f} is tolerated"
    )
    return _result(gate, words, passed=low >= -gate.limit)


def _calibration(gate: PromotionGate, case: _Case) -> GateResult:
    return _at_most(gate, case.candidate.calibration_error, "mean calibration error", "")


def _latency(gate: PromotionGate, case: _Case) -> GateResult:
    against = case.candidate.result.get("speed_against", {})
    ratio = against.get("p95_ratio") if against.get("digest") == case.champion.digest else None
    mine, others = case.candidate.latency_p95, case.champions and case.champions.latency_p95
    if ratio is None and mine and others:
        ratio = round(mine / others, 3)
    return _at_most(gate, ratio, "p95 latency against the champion's", " times")


def _memory(gate: PromotionGate, case: _Case) -> GateResult:
    return _at_most(gate, case.candidate.memory, "resident memory", " MB")


def _behaviour(gate: PromotionGate, case: _Case) -> GateResult:
    rate = case.candidate.behaviour
    if rate is None:
        return _result(gate, "no behavioural case is about this model's labels", passed=True)
    words = f"{rate:.1%} of the behavioural cases pass; at least {gate.limit:.1%} must"
    return _result(gate, words, passed=rate >= gate.limit)


def _at_most(gate: PromotionGate, value: float | None, what: str, unit: str) -> GateResult:
    if value is None:
        return _result(gate, f"{what} was not measured; evaluate the version again", passed=False)
    words = f"{what} {value:g}{unit}; at most {gate.limit:g}{unit}"
    return _result(gate, words, passed=value <= gate.limit)


def _result(gate: PromotionGate, words: str, *, passed: bool) -> GateResult:
    return GateResult(gate.metric, passed, words)


_JUDGES: dict[str, Callable[[PromotionGate, _Case], GateResult]] = {
    GateMetric.F1_MACRO: _f1_macro,
    GateMetric.CALIBRATION: _calibration,
    GateMetric.LATENCY: _latency,
    GateMetric.MEMORY: _memory,
    GateMetric.BEHAVIOUR: _behaviour,
}
