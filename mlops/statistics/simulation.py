"""How often a comparison of two equal arms cries wolf when somebody looks all the time."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mlops.statistics.sequential import ALPHA, ClusterSums, proportions_compare


@dataclass(frozen=True, slots=True)
class PeekingPlan:
    """Two arms with the same *rate*, *requests* in all, and a look after every *every*."""

    simulations: int = 1000
    requests: int = 20_000
    every: int = 100
    rate: float = 0.8
    share: float = 0.5
    effect: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PeekingResult:
    """The share of simulations in which any look called the arms different.

    ``fixed`` is what the textbook test at 5 % does when it is looked at as often.
    """

    sequential: float
    fixed: float
    median_look: float | None


def peeking_simulate(plan: PeekingPlan) -> PeekingResult:
    """Run *plan*; with an effect of zero every decision is a false alarm."""
    random = np.random.default_rng(plan.seed)
    ours, textbook, looks = 0, 0, []
    for _ in range(plan.simulations):
        first, fixed = _run(plan, random)
        textbook += fixed
        if first is not None:
            ours += 1
            looks.append(first)
    median = float(np.median(looks)) if looks else None
    return PeekingResult(ours / plan.simulations, textbook / plan.simulations, median)


def _run(plan: PeekingPlan, random: np.random.Generator) -> tuple[int | None, bool]:
    """Requests at which we decided first, and whether the textbook test ever did."""
    looks = plan.requests // plan.every
    challengers = random.binomial(plan.every, plan.share, size=looks)
    good = (
        random.binomial(plan.every - challengers, plan.rate),
        random.binomial(challengers, plan.rate + plan.effect),
    )
    seen = (np.cumsum(plan.every - challengers), np.cumsum(challengers))
    good = (np.cumsum(good[0]), np.cumsum(good[1]))
    first, fixed = None, False
    for look in range(looks):
        champion, challenger = (
            _binary(int(seen[arm][look]), int(good[arm][look])) for arm in range(2)
        )
        if first is None:
            compared = proportions_compare(champion, challenger)
            first = (look + 1) * plan.every if compared and compared.decided else None
        fixed = fixed or _textbook(champion, challenger)
        if fixed and first is not None:
            break
    return first, fixed


def _binary(seen: int, good: int) -> ClusterSums:
    """The sums of *seen* subjects with one answer each."""
    return ClusterSums(seen, seen, good, seen, good, good)


def _textbook(champion: ClusterSums, challenger: ClusterSums) -> bool:
    if not champion.n or not challenger.n:
        return False
    pooled = (champion.x + challenger.x) / (champion.n + challenger.n)
    variance = pooled * (1 - pooled) * (1 / champion.n + 1 / challenger.n)
    difference = challenger.x / challenger.n - champion.x / champion.n
    return variance > 0 and bool(abs(difference) > _CRITICAL * variance**0.5)


_CRITICAL = NormalDist().inv_cdf(1 - ALPHA / 2)
