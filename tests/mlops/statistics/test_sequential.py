"""Comparisons that one may look at all the time"""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlops.statistics.sequential import (
    MEAN_SCALE,
    ClusterSums,
    estimates_compare,
    mean_estimate,
    proportion_estimate,
    proportions_compare,
)
from mlops.statistics.simulation import PeekingPlan, peeking_simulate


def binary(seen: int, good: int) -> ClusterSums:
    return ClusterSums.of([(1, 1)] * good + [(1, 0)] * (seen - good))


def test_it_works():
    compared = proportions_compare(binary(5000, 4000), binary(5000, 4250))
    assert compared.difference == pytest.approx(0.05)
    assert 0 < compared.low < 0.05 < compared.high
    assert compared.decided
    assert compared.p_value < 0.05


@pytest.mark.parametrize(("rate", "share"), [(0.8, 0.5), (0.95, 0.05), (0.02, 0.2)])
def test_equal_arms_are_rarely_called_different_whoever_peeks(rate, share):
    plan = PeekingPlan(simulations=400, rate=rate, share=share, requests=10_000)
    result = peeking_simulate(plan)
    assert result.sequential <= 0.05
    assert result.fixed > 0.25


def test_three_points_are_found_in_twenty_thousand_requests():
    assert peeking_simulate(PeekingPlan(simulations=100, effect=0.03)).sequential > 0.95


def test_interval_and_p_value_agree():
    for good in range(3900, 4300, 20):
        compared = proportions_compare(binary(5000, 4000), binary(5000, good))
        assert compared.decided == (compared.p_value < 0.05)


def test_alike_answers_of_one_subject_do_not_count_as_many():
    """Every subject asks twenty times and is always pleased or never."""
    alone = proportion_estimate(binary(4000, 2000))
    repeated = proportion_estimate(ClusterSums.of([(20, 20)] * 100 + [(20, 0)] * 100))
    assert repeated.value == alone.value
    assert repeated.variance == pytest.approx(20 * alone.variance, rel=0.02)


def test_clustered_equal_arms_are_rarely_called_different():
    random = np.random.default_rng(5)
    alarms = 0
    for _ in range(200):
        sums = []
        for _arm in range(2):
            rates = random.beta(2, 1, size=600)
            asked = random.integers(1, 30, size=600)
            sums.append(list(zip(asked, random.binomial(asked, rates), strict=True)))
        alarms += any(
            (compared := proportions_compare(*(ClusterSums.of(arm[:seen]) for arm in sums)))
            and compared.decided
            for seen in range(60, 601, 60)
        )
    assert alarms / 200 <= 0.05


def test_a_handful_decides_nothing():
    assert proportions_compare(binary(30, 30), binary(30, 0)) is None
    assert proportions_compare(binary(5000, 5000), binary(60, 60)) is None
    assert proportions_compare(binary(0, 0), binary(5000, 1)) is None


def test_means_of_a_measured_outcome():
    random = np.random.default_rng(3)
    slow, fast = (
        mean_estimate(ClusterSums.of((1, value) for value in random.normal(mean, 2, 3000)))
        for mean in (10, 9.5)
    )
    compared = estimates_compare(slow, fast, scale=MEAN_SCALE * 2)
    assert compared.high < 0
    assert compared.difference == pytest.approx(-0.5, abs=0.2)


def test_equal_means_are_rarely_called_different():
    random = np.random.default_rng(4)
    alarms = 0
    for _ in range(300):
        values = random.exponential(1.0, size=(2, 2000))
        sums = [ClusterSums(), ClusterSums()]
        for seen in range(100, 2001, 100):
            for arm in range(2):
                part = values[arm, :seen]
                total = float(part.sum())
                sums[arm] = ClusterSums(seen, seen, total, seen, total, float(part @ part))
            compared = estimates_compare(*map(mean_estimate, sums), scale=MEAN_SCALE)
            if compared and compared.decided:
                alarms += 1
                break
    assert alarms / 300 <= 0.05


def test_nothing_is_estimated_from_nothing():
    assert proportion_estimate(ClusterSums()) is None
    assert mean_estimate(ClusterSums.of([(1, 1.0)])) is None
    assert math.isinf(proportion_estimate(ClusterSums.of([(3, 2)])).variance)
