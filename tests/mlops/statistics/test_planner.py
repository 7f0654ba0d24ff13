"""How many answers a comparison needs"""

from __future__ import annotations

import numpy as np
import pytest

from mlops.statistics.planner import PlanError, comparison_plan
from mlops.statistics.sequential import ClusterSums, proportions_compare


def test_it_works():
    plan = comparison_plan(baseline=0.8, effect=0.03, per_day=2000)
    assert plan.days == pytest.approx((plan.champion + plan.challenger) / 2000)
    assert abs(plan.champion - plan.challenger) <= 1


@pytest.mark.parametrize(("baseline", "effect", "share"), [(0.8, 0.03, 0.5), (0.3, -0.05, 0.2)])
def test_the_planned_number_decides_as_often_as_asked(baseline, effect, share):
    plan = comparison_plan(baseline=baseline, effect=effect, power=0.8, share=share)
    random = np.random.default_rng(6)
    decided = 0
    for _ in range(500):
        sums = []
        for seen, rate in ((plan.champion, baseline), (plan.challenger, baseline + effect)):
            good = float(random.binomial(seen, rate))
            sums.append(ClusterSums(seen, seen, good, seen, good, good))
        decided += proportions_compare(*sums).decided
    assert decided / 500 == pytest.approx(0.8, abs=0.06)


def test_a_smaller_share_takes_longer():
    halves = comparison_plan(baseline=0.8, effect=0.03, per_day=1000)
    canary = comparison_plan(baseline=0.8, effect=0.03, share=0.05, per_day=1000)
    assert canary.days is not None
    assert halves.days is not None
    assert canary.days > 2 * halves.days
    assert comparison_plan(baseline=0.8, effect=0.03).days is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"baseline": 0.0}, "baseline must be between 0 and 1"),
        ({"power": 1.0}, "power must be between"),
        ({"share": 1.5}, "share must be between"),
        ({"effect": 0.0}, "effect must not be 0"),
        ({"effect": 0.4}, "baseline . effect"),
        ({"effect": 0.000001}, "ask for a larger effect"),
    ],
)
def test_what_cannot_be_planned_is_named(wrong, message):
    with pytest.raises(PlanError, match=message):
        comparison_plan(**{"baseline": 0.8, "effect": 0.03} | wrong)
