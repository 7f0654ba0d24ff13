"""What stops an arm by itself, looked at each minute. Errors are caught in process, at once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from mlops.models import Rollout
from mlops.rollouts.constants import Mode, RolloutState
from mlops.rollouts.outcomes import Outcome, outcome_of, settled_since
from mlops.rollouts.report import srm_of
from mlops.rollouts.services import arm_stop, rollout_ramp
from mlops.statistics.quantiles import quantile_ratio
from mlops.statistics.sequential import proportions_compare
from mlops.statistics.shift import distribution_distance

logger = logging.getLogger(__name__)

# What went wrong an hour ago and is well since then should not stop an arm.
WINDOW = timedelta(minutes=15)
# Looked at each minute for as long as a rollout runs: a narrower interval would stop a good arm
# by chance on one of many days.
LATENCY_ALPHA = 0.001


@dataclass(frozen=True, slots=True)
class Breach:
    """A guardrail that an arm broke."""

    guardrail: str
    reason: str
    detail: dict[str, Any]


def guardrails_evaluate() -> list[str]:
    """Look at all running rollouts: stop arms that break a guardrail, advance ramps that are due.

    Returns:
        What was done, a sentence each.
    """
    done = []
    for rollout in Rollout.objects.filter(state=RolloutState.RUNNING):
        try:
            done += _evaluated(rollout)
        except Exception:  # the others are to be guarded all the same
            logger.exception("the guardrails of rollout %s could not be looked at", rollout)
    return done


def _evaluated(rollout: Rollout) -> list[str]:
    stopped = _arms_stop(recent_outcomes(rollout))
    if not stopped and ramp_due(rollout):
        return [ramp_advance(rollout)]
    return stopped


def recent_outcomes(rollout: Rollout) -> list[Outcome]:
    """The arms since the weights changed, at most a quarter of an hour back."""
    since = max(rollout.stage_at or timezone.now(), timezone.now() - WINDOW)
    arms = rollout.arms.select_related("rollout", "version__model")
    return [outcome_of(arm, since) for arm in arms if not arm.paused_at]


def breaches_find(outcome: Outcome, champion: Outcome) -> Iterable[Breach]:
    """The guardrails that *outcome* breaks beside *champion*, the gravest first."""
    checks = (_errors, _unsure, _latency, _shift)
    found = (check(outcome, champion) for check in checks)
    return [breach for breach in found if breach]


def ramp_due(rollout: Rollout) -> bool:
    """Whether the next step of the schedule may come: its time is up and the split is sound."""
    if not rollout.schedule or rollout.step + 1 >= len(rollout.schedule) or not rollout.stage_at:
        return False
    minutes = rollout.schedule[rollout.step]["minutes"]
    if timezone.now() < rollout.stage_at + timedelta(minutes=minutes):
        return False
    live = list(rollout.arms.filter(mode=Mode.LIVE).select_related("rollout"))
    since = settled_since(rollout)
    if since is None or any(arm.paused_at for arm in live):
        return False
    outcomes = [outcome_of(arm, since) for arm in live]
    return all(each.requests for each in outcomes) and not srm_of(outcomes).mismatch


def ramp_advance(rollout: Rollout) -> str:
    """Give the challenger the share of the next step."""
    step = rollout.step + 1
    share = rollout.schedule[step]["share"]
    arm = rollout.arms.get(mode=Mode.LIVE, champion=False)
    rollout_ramp(rollout=rollout, arm=arm.name, share=share, reason=f"step {step} of the schedule")
    Rollout.objects.filter(pk=rollout.pk).update(step=step)
    return f"{arm} ramped to {share:.0%}"


def _arms_stop(outcomes: list[Outcome]) -> list[str]:
    champion = next(each for each in outcomes if each.arm.champion)
    stopped = []
    for outcome in outcomes:
        if outcome.arm.champion:
            continue
        for breach in list(breaches_find(outcome, champion))[:1]:
            detail = {"guardrail": breach.guardrail, **breach.detail}
            if arm_stop(arm_id=outcome.arm.pk, reason=breach.reason, detail=detail):
                stopped.append(f"{outcome.arm} stopped: {breach.reason}")
    return stopped


def _errors(outcome: Outcome, champion: Outcome) -> Breach | None:
    rollout = outcome.arm.rollout
    if outcome.errors.x < rollout.min_errors or not outcome.requests:
        return None
    rate = outcome.errors.x / outcome.requests
    allowed = _rate(champion) + rollout.error_margin
    if rate <= allowed:
        return None
    reason = (
        f"{outcome.errors.x:.0f} of {outcome.requests} documents failed ({rate:.1%}; "
        f"{allowed:.1%} are allowed)."
    )
    return Breach("errors", reason, {"rate": round(rate, 4), "allowed": round(allowed, 4)})


def _unsure(outcome: Outcome, champion: Outcome) -> Breach | None:
    compared = proportions_compare(champion.unsure, outcome.unsure)
    margin = outcome.arm.rollout.low_confidence_margin
    if compared is None or compared.low <= margin:
        return None
    reason = (
        f"Answers without any label are {compared.difference:+.1%} more frequent than the "
        f"champion's (at least {compared.low:+.1%}; {margin:+.1%} is allowed)."
    )
    return Breach("low_confidence", reason, {"low": round(compared.low, 4)})


def _latency(outcome: Outcome, champion: Outcome) -> Breach | None:
    if outcome.arm.mode == Mode.SHADOW:  # nobody waits for it
        return None
    ratio = quantile_ratio(champion.latencies, outcome.latencies, 0.95, alpha=LATENCY_ALPHA)
    limit = outcome.arm.rollout.p95_ratio
    if ratio is None or ratio.low <= limit:
        return None
    reason = (
        f"The 95th percentile of its latency is {ratio.value:.1f} times the champion's "
        f"(at least {ratio.low:.1f}; {limit:g} is allowed)."
    )
    return Breach("latency", reason, {"ratio": round(ratio.value, 2), "low": round(ratio.low, 2)})


def _shift(outcome: Outcome, champion: Outcome) -> Breach | None:
    distance = distribution_distance(champion.labels, outcome.labels)
    limit = outcome.arm.rollout.shift_limit
    if distance is None or distance <= limit:
        return None
    reason = (
        f"Its strongest labels are distributed otherwise: {distance:.1%} of its answers would "
        f"have to change ({limit:.1%} is allowed)."
    )
    return Breach("shift", reason, {"distance": round(distance, 4)})


def _rate(outcome: Outcome) -> float:
    return outcome.errors.x / outcome.requests if outcome.requests else 0.0
