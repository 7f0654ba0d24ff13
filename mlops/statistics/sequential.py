"""Comparisons that stay valid however often they are looked at.

The normal-mixture boundary of Robbins (1970, "Statistical methods related to the law of the
iterated logarithm"), as Johari, Koomen, Pekelis and Walsh use it for A/B tests (2017, "Peeking
at A/B tests"; 2022, "Always valid inference"). With an estimated variance it is an asymptotic
confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2021, "Time-uniform central
limit theory and asymptotic confidence sequences").

Subjects, not requests, are assigned to arms, and requests of one subject are alike. The variance
of a rate is therefore that of a ratio of sums over subjects, by the delta method (Deng, Knoblich
and Lu 2018, "Applying the delta method in metric analytics").
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

ALPHA = 0.05
# Subjects in either arm before an interval is shown: the boundary leans on the central limit.
MIN_SUBJECTS = 50
# ... and of the rarer outcome in the smaller arm, by the pooled rate, for the same reason.
MIN_RARER = 5.0
# The mixture is tightest for differences of this size: three points of a proportion.
PROPORTION_SCALE = 0.03
# ... and a tenth of a standard deviation of anything else.
MEAN_SCALE = 0.1


@dataclass(frozen=True, slots=True)
class Estimate:
    """The rate or mean of one arm, and the variance of that estimate."""

    value: float
    variance: float
    observations: int
    subjects: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Challenger minus champion, with an interval that holds at all looks together."""

    difference: float
    low: float
    high: float
    p_value: float

    @property
    def decided(self) -> bool:
        """Whether zero is outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(slots=True)
class ClusterSums:
    """Running sums over subjects with *n* observations that add up to *x*."""

    subjects: int = 0
    n: float = 0.0
    x: float = 0.0
    nn: float = 0.0
    nx: float = 0.0
    xx: float = 0.0

    @classmethod
    def of(cls, subjects: Iterable[tuple[float, float]]) -> ClusterSums:
        """The sums of (n, x) pairs, one for each subject."""
        sums = cls()
        for n, x in subjects:
            sums.subjects += 1
            sums.n += n
            sums.x += x
            sums.nn += n * n
            sums.nx += n * x
            sums.xx += x * x
        return sums


def proportion_estimate(sums: ClusterSums, *, pooled: float | None = None) -> Estimate | None:
    """The share of a yes-or-no outcome; None before the first observation.

    Two imagined observations, one of each kind, keep the variance of a rate that was never
    seen to vary from being zero (Agresti and Caffo 2000). A *pooled* rate of both arms gives
    another lower bound: a small arm that saw no failure yet must not look certain of it.
    """
    if not sums.n:
        return None
    shrunk = (sums.x + 1) / (sums.n + 2)
    rates = (shrunk,) if pooled is None else (shrunk, pooled)
    floor = max(rate * (1 - rate) for rate in rates) / sums.n
    variance = max(_ratio_variance(sums), floor)
    return Estimate(sums.x / sums.n, variance, int(sums.n), sums.subjects)


def mean_estimate(sums: ClusterSums) -> Estimate | None:
    """The mean of a measured outcome; None before the second subject."""
    if sums.subjects < 2:
        return None
    return Estimate(sums.x / sums.n, _ratio_variance(sums), int(sums.n), sums.subjects)


def _ratio_variance(sums: ClusterSums) -> float:
    if sums.subjects < 2:
        return math.inf
    rate = sums.x / sums.n
    spread = sums.xx - 2 * rate * sums.nx + rate * rate * sums.nn
    return max(0.0, spread) / sums.n**2 * sums.subjects / (sums.subjects - 1)


def proportions_compare(
    champion: ClusterSums, challenger: ClusterSums, *, alpha: float = ALPHA
) -> Comparison | None:
    """Challenger's rate minus champion's; None while there is too little of either outcome."""
    total = champion.n + challenger.n
    if not champion.n or not challenger.n:
        return None
    pooled = (champion.x + challenger.x) / total
    rarer = min(pooled, 1 - pooled) * min(champion.n, challenger.n)
    if rarer < MIN_RARER:
        return None
    return estimates_compare(
        proportion_estimate(champion, pooled=pooled),
        proportion_estimate(challenger, pooled=pooled),
        scale=PROPORTION_SCALE,
        alpha=alpha,
    )


def estimates_compare(
    champion: Estimate | None,
    challenger: Estimate | None,
    *,
    scale: float = PROPORTION_SCALE,
    alpha: float = ALPHA,
) -> Comparison | None:
    """Challenger minus champion; None while either has too few subjects.

    Over all looks together the interval misses the true difference with probability *alpha*.
    *scale* is the size of difference that matters, in the unit of the estimates.
    """
    if champion is None or challenger is None:
        return None
    if min(champion.subjects, challenger.subjects) < MIN_SUBJECTS:
        return None
    variance = champion.variance + challenger.variance
    if variance <= 0 or not math.isfinite(variance):
        return None
    difference = challenger.value - champion.value
    radius = boundary(variance, scale, alpha)
    return Comparison(
        difference=difference,
        low=difference - radius,
        high=difference + radius,
        p_value=always_valid_p(difference, variance, scale),
    )


def boundary(variance: float, scale: float, alpha: float = ALPHA) -> float:
    """Half the width of the interval around an estimate of this *variance*."""
    mixed = variance + scale**2
    return math.sqrt(variance * mixed / scale**2 * math.log(mixed / (variance * alpha**2)))


def always_valid_p(difference: float, variance: float, scale: float) -> float:
    """The inverse of the mixture likelihood ratio against "no difference", at most one."""
    mixed = variance + scale**2
    log_ratio = 0.5 * math.log(variance / mixed) + (difference * scale) ** 2 / (
        2 * variance * mixed
    )
    return min(1.0, math.exp(-log_ratio))
