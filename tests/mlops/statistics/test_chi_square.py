"""Pearson's chi-square and the sample-ratio mismatch"""

from __future__ import annotations

import random

import numpy as np
import pytest

from mlops.statistics.chi_square import chi_square_tail, ratio_check


def test_it_works():
    check = ratio_check([5020, 4980], [1, 1])
    assert not check.mismatch
    assert check.expected == (5000, 5000)


@pytest.mark.parametrize(
    ("value", "degrees", "tail"),
    # Quantiles as printed in Abramowitz and Stegun, table 26.8.
    [(3.84146, 1, 0.05), (10.828, 1, 0.001), (5.99147, 2, 0.05), (7.81473, 3, 0.05)]
    + [(18.307, 10, 0.05)],
)
def test_tails_are_those_of_the_tables(value, degrees, tail):
    assert chi_square_tail(value, degrees) == pytest.approx(tail, rel=1e-3)


def test_extremes():
    assert chi_square_tail(0, 3) == 1
    assert chi_square_tail(5000, 3) == 0


def test_two_percent_of_one_arm_dropped_is_caught():
    """The loss is 1 % of the difference's share: found once enough subjects were seen."""
    randomness = random.Random(1)
    for _ in range(20):
        kept = sum(randomness.random() < 0.98 for _ in range(150_000))
        assert ratio_check([150_000, kept], [1, 1]).mismatch


def test_a_whole_split_is_rarely_called_mismatched():
    seen = np.random.default_rng(2).binomial(20_000, 0.95, size=1000)
    alarms = sum(ratio_check([first, 20_000 - first], [95, 5]).mismatch for first in seen)
    assert alarms <= 5


def test_few_subjects_are_no_evidence():
    check = ratio_check([9, 0], [1, 1])
    assert not check.enough
    assert not check.mismatch
    assert not ratio_check([0, 0], [1, 1]).mismatch
    assert not ratio_check([10], [1]).mismatch
