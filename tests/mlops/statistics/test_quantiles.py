"""Bootstrap intervals of a ratio of quantiles, and the distance of distributions"""

from __future__ import annotations

import numpy as np
import pytest

from mlops.statistics.quantiles import quantile, quantile_ratio
from mlops.statistics.shift import distribution_distance


def test_it_works():
    random = np.random.default_rng(1)
    champion, challenger = random.gamma(4, 1, 3000), 1.5 * random.gamma(4, 1, 3000)
    ratio = quantile_ratio(champion, challenger, 0.95)
    assert ratio.low < 1.5 < ratio.high
    assert ratio.low > 1.3


def test_intervals_cover_the_true_ratio_as_often_as_they_say():
    random = np.random.default_rng(2)
    covered = 0
    for seed in range(300):
        ratio = quantile_ratio(
            random.exponential(1, 400), random.exponential(1, 400), 0.9, seed=seed
        )
        covered += ratio.low <= 1 <= ratio.high
    assert 0.91 <= covered / 300 <= 0.99


def test_draws_are_those_of_a_real_bootstrap():
    random = np.random.default_rng(3)
    champion, challenger = random.gamma(2, 1, 500), random.gamma(2, 1, 500)
    medians = [
        np.quantile(random.choice(challenger, 500), 0.5)
        / np.quantile(random.choice(champion, 500), 0.5)
        for _ in range(2000)
    ]
    ratio = quantile_ratio(champion, challenger, 0.5)
    assert (ratio.low, ratio.high) == pytest.approx(
        tuple(np.quantile(medians, [0.025, 0.975])), abs=0.02
    )


def test_too_little_gives_no_interval():
    assert quantile([], 0.5) is None
    assert quantile_ratio([1.0] * 39, [1.0] * 100, 0.95) is None
    assert quantile_ratio([0.0] * 100, [1.0] * 100, 0.95) is None


def test_the_distance_of_distributions():
    one = {"joy": 500, "anger": 500}
    assert distribution_distance(one, {"joy": 5000, "anger": 5000}) == 0
    assert distribution_distance(one, {"fear": 600}) == 1
    assert distribution_distance(one, {"joy": 700, "anger": 300}) == pytest.approx(0.2)
    assert distribution_distance(one, {"joy": 400}) is None
