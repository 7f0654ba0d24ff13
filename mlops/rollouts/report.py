"""The state of a rollout as people and machines read it: split, outcomes, verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from mlops.models import Rollout
from mlops.rollouts.constants import Mode
from mlops.rollouts.outcomes import Outcome, outcome_of, settled_since
from mlops.rollouts.paired import PairedReport, shadow_report
from mlops.statistics.chi_square import RatioCheck, ratio_check
from mlops.statistics.quantiles import Ratio, quantile, quantile_ratio
from mlops.statistics.sequential import (
    MEAN_SCALE,
    ClusterSums,
    Comparison,
    estimates_compare,
    mean_estimate,
    proportions_compare,
)
from mlops.statistics.shift import distribution_distance

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class ArmReport:
    """An arm's figures, and how they compare with the champion's."""

    outcome: Outcome
    quantiles: dict[float, float | None]
    agreement: Comparison | None = None
    errors: Comparison | None = None
    unsure: Comparison | None = None
    confidence: Comparison | None = None
    latency: Ratio | None = None
    shift: float | None = None
    paired: PairedReport | None = None


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """All arms since ``since``; ``srm`` comes before any result."""

    rollout: Rollout
    since: datetime | None
    srm: RatioCheck | None = None
    arms: list[ArmReport] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)


def rollout_report(rollout: Rollout) -> RolloutReport:
    """Everything that is known of *rollout* at this moment; may be asked for as often as wished."""
    since = settled_since(rollout)
    if since is None:
        return RolloutReport(
            rollout, None, verdicts=["Not every live arm has answered since the weights changed."]
        )
    arms = rollout.arms.select_related("version__model", "rollout")
    outcomes = [outcome_of(arm, since, rollout.concluded_at) for arm in arms]
    (champion,) = (each for each in outcomes if each.arm.champion)
    reports = [_arm_report(each, champion, since) for each in outcomes]
    srm = srm_of(outcomes)
    return RolloutReport(rollout, since, srm, reports, verdicts_of(srm, reports))


def srm_of(outcomes: Sequence[Outcome]) -> RatioCheck:
    """Whether the live arms got the subjects that their weights say."""
    live = [each for each in outcomes if each.arm.mode == Mode.LIVE and not each.arm.paused_at]
    return ratio_check([each.subjects for each in live], [each.arm.weight for each in live])


def _arm_report(outcome: Outcome, champion: Outcome, since: datetime) -> ArmReport:
    quantiles = {q: quantile(outcome.latencies, q) for q in QUANTILES}
    if outcome.arm.champion:
        return ArmReport(outcome, quantiles)
    shadow = outcome.arm.mode == Mode.SHADOW
    return ArmReport(
        outcome=outcome,
        quantiles=quantiles,
        agreement=proportions_compare(champion.agreement, outcome.agreement),
        errors=proportions_compare(champion.errors, outcome.errors),
        unsure=proportions_compare(champion.unsure, outcome.unsure),
        confidence=_means_compare(champion.confidence, outcome.confidence),
        latency=quantile_ratio(champion.latencies, outcome.latencies, 0.95),
        shift=distribution_distance(champion.labels, outcome.labels),
        paired=shadow_report(outcome.arm, since) if shadow else None,
    )


def _means_compare(champion: ClusterSums, challenger: ClusterSums) -> Comparison | None:
    estimates = mean_estimate(champion), mean_estimate(challenger)
    if not estimates[0] or not champion.n or champion.subjects < 2:
        return None
    spread = float(np.sqrt(estimates[0].variance * champion.n))
    return estimates_compare(*estimates, scale=MEAN_SCALE * spread) if spread else None


def verdicts_of(srm: RatioCheck, reports: Sequence[ArmReport]) -> list[str]:
    """A sentence for each arm that is compared; a broken split voids all but shadows'."""
    if srm.mismatch:
        seen = ", ".join(
            f"{count} instead of {due:.0f}"
            for count, due in zip(srm.observed, srm.expected, strict=True)
        )
        broken = f"The split is broken (p = {srm.p_value:.1g}; subjects {seen}): "
        shadows = [_shadow_verdict(report) for report in reports if report.paired]
        return [f"{broken}no comparison means anything until the cause is found.", *shadows]
    return [_verdict(report) for report in reports if not report.outcome.arm.champion]


def _verdict(report: ArmReport) -> str:
    arm = report.outcome.arm
    if arm.paused_at:
        return f"{arm.name} is paused: {arm.pause_reason}"
    if report.paired:
        return _shadow_verdict(report)
    found, open_ = [], []
    for words, compared, rising in _aspects(report):
        if compared is None or not compared.decided:
            open_.append(words)
        else:
            better = (compared.difference > 0) == rising
            found.append(f"{'better' if better else 'worse'} on {words}, {_points(compared)}")
    latency = report.latency
    if latency is None or latency.low <= 1 <= latency.high:
        open_.append("latency")
    else:
        word = "slower" if latency.low > 1 else "faster"
        interval = f"[{latency.low:.2f}, {latency.high:.2f}]"
        found.append(f"{word}, p95 x{latency.value:.2f} {interval}")
    told = "; ".join(found) or "no difference found yet"
    return f"{arm.name}: {told}" + (f"; keep running for {', '.join(open_)}." if open_ else ".")


def _aspects(report: ArmReport) -> list[tuple[str, Comparison | None, bool]]:
    """What is compared, and whether more of it is better."""
    return [
        ("agreement", report.agreement, True),
        ("errors", report.errors, False),
        ("answers without a label", report.unsure, False),
    ]


def _shadow_verdict(report: ArmReport) -> str:
    name, paired = report.outcome.arm.name, report.paired
    if not paired or paired.top_interval is None:
        return f"{name}: no pair of answers yet."
    low, high = paired.top_interval
    return (
        f"{name}: the strongest label is the callers' in {paired.top_agree:.1%} of "
        f"{paired.pairs} texts [{low:.1%}, {high:.1%}]."
    )


def _points(compared: Comparison) -> str:
    """A difference of shares in percentage points."""
    return (
        f"{100 * compared.difference:+.1f} points "
        f"[{100 * compared.low:.1f}, {100 * compared.high:.1f}]"
    )
