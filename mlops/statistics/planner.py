"""How many answers a comparison needs before it can be expected to decide."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from mlops.errors import CodedError
from mlops.statistics.sequential import ALPHA, PROPORTION_SCALE, boundary

# More than this is no plan: a billion answers in an arm.
MAX_ANSWERS = 1_000_000_000


class PlanError(CodedError):
    """What was asked for cannot be planned."""

    code = "plan_impossible"


@dataclass(frozen=True, slots=True)
class Plan:
    """Answers with an outcome in each arm, and days until both have them."""

    champion: int
    challenger: int
    days: float | None


def comparison_plan(
    *,
    baseline: float,
    effect: float,
    power: float = 0.8,
    share: float = 0.5,
    per_day: float = 0.0,
    alpha: float = ALPHA,
) -> Plan:
    """When a proportion's rise from *baseline* by *effect* is found with probability *power*.

    Counted for the moment by which the interval of ``estimates_compare`` excludes zero, if one
    looked only then. Who looks all the time decides earlier more often than not.
    *share* is the challenger's, *per_day* the answers of one day that get an outcome.

    Raises:
        PlanError: naming what is out of range.
    """
    _check(baseline, effect, power, share)
    spread = NormalDist().inv_cdf(power)
    after = baseline + effect
    # As proportions_compare has it: no arm's variance is less than the pooled rate's.
    pooled = baseline * (1 - share) + after * share
    champion_variance, challenger_variance = (
        max(rate * (1 - rate), pooled * (1 - pooled)) for rate in (baseline, after)
    )
    unit = champion_variance / (1 - share) + challenger_variance / share

    def decides(total: int) -> bool:
        variance = unit / total
        needed = boundary(variance, PROPORTION_SCALE, alpha) + spread * math.sqrt(variance)
        return abs(effect) >= needed

    total = _least(decides)
    champion = math.ceil(total * (1 - share))
    return Plan(champion, total - champion, total / per_day if per_day > 0 else None)


def _check(baseline: float, effect: float, power: float, share: float) -> None:
    for name, value in (("baseline", baseline), ("power", power), ("share", share)):
        if not 0 < value < 1:
            raise PlanError(f"{name} must be between 0 and 1, not {value:g}")
    if effect == 0 or not 0 < baseline + effect < 1:
        raise PlanError("effect must not be 0, and baseline + effect must be between 0 and 1")


def _least(decides: object) -> int:
    assert callable(decides)
    high = 2
    while not decides(high):
        high *= 2
        if high > MAX_ANSWERS:
            raise PlanError(f"no decision within {MAX_ANSWERS:,} answers; ask for a larger effect")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
