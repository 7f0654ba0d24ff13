"""Pearson's chi-square, and the sample-ratio mismatch that it finds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# A mismatch is a broken experiment, not a result: only strong evidence should say so. One in a
# thousand is what Fabijan et al. (KDD 2019, "Diagnosing sample ratio mismatch") report as usual.
SRM_ALPHA = 0.001
# Below this the distribution of the statistic is not yet a chi-square's (Cochran 1954).
SRM_MIN_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """Whether the arms got the shares of subjects that they were meant to get."""

    observed: tuple[int, ...]
    expected: tuple[float, ...]
    statistic: float
    p_value: float
    enough: bool

    @property
    def mismatch(self) -> bool:
        """True if the split cannot be chance: then no comparison of the arms means anything."""
        return self.enough and self.p_value < SRM_ALPHA


def ratio_check(observed: Sequence[int], weights: Sequence[float]) -> RatioCheck:
    """Compare the subjects seen in each arm with the arms' weights."""
    total, mass = sum(observed), sum(weights)
    expected = tuple(total * weight / mass for weight in weights)
    statistic = sum(
        (seen - due) ** 2 / due for seen, due in zip(observed, expected, strict=True) if due
    )
    positive = sum(weight > 0 for weight in weights)
    return RatioCheck(
        observed=tuple(observed),
        expected=expected,
        statistic=statistic,
        p_value=chi_square_tail(statistic, positive - 1) if positive > 1 else 1.0,
        enough=positive > 1 and min(due for due in expected if due or total == 0) >= _least(total),
    )


def _least(total: int) -> float:
    return SRM_MIN_EXPECTED if total else math.inf


def chi_square_tail(value: float, degrees: int) -> float:
    """P(X >= value) of a chi-square with a whole number of *degrees*.

    The upper incomplete gamma function in its finite form for half-integer orders
    (Abramowitz and Stegun 26.4.4 and 26.4.5).
    """
    half = value / 2
    if half <= 0:
        return 1.0
    if half > 700:  # exp() would be zero
        return 0.0
    odd = degrees % 2
    order = 0.5 if odd else 1.0
    tail = math.erfc(math.sqrt(half)) if odd else math.exp(-half)
    while order < degrees / 2:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1))
        order += 1
    return min(1.0, tail)
