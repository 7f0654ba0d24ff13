"""Which arm a subject meets"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest

from mlops.routing.assignment import arm_choose, sampled, weight_for_share
from mlops.statistics.chi_square import chi_square_tail, ratio_check


@dataclass(frozen=True)
class Arm:
    name: str
    weight: float


ARMS = [Arm("champion", 50), Arm("challenger", 30), Arm("third", 20)]


def chosen(arms, subjects, salt="salt") -> dict[str, str]:
    return {each: arm_choose(arms, salt=salt, subject=each).name for each in subjects}


def test_it_works():
    first = chosen(ARMS, ["ann"])
    assert first == chosen(ARMS, ["ann"])
    assert set(first.values()) < {"champion", "challenger", "third"}


def test_a_million_subjects_are_split_by_weight_to_within_noise():
    counts = Counter(
        arm_choose(ARMS, salt="salt", subject=str(subject)).name for subject in range(1_000_000)
    )
    check = ratio_check([counts[arm.name] for arm in ARMS], [arm.weight for arm in ARMS])
    assert sum(check.observed) == 1_000_000
    assert check.p_value > 0.001


@pytest.mark.parametrize("raised", [arm.name for arm in ARMS])
def test_a_raised_weight_moves_subjects_to_that_arm_only(raised):
    subjects = [f"user-{number}" for number in range(20_000)]
    before = chosen(ARMS, subjects)
    after = chosen(
        [Arm(arm.name, arm.weight * 3 if arm.name == raised else arm.weight) for arm in ARMS],
        subjects,
    )
    moved = [each for each in subjects if before[each] != after[each]]
    assert moved
    assert {after[each] for each in moved} == {raised}


def test_an_arm_that_leaves_moves_its_own_subjects_only():
    subjects = [f"user-{number}" for number in range(5_000)]
    before, after = chosen(ARMS, subjects), chosen(ARMS[:2], subjects)
    assert all(after[each] == before[each] for each in subjects if before[each] != "third")


def test_another_salt_splits_independently():
    subjects = [str(number) for number in range(40_000)]
    halves = [Arm("a", 1), Arm("b", 1)]
    one, other = chosen(halves, subjects, "one"), chosen(halves, subjects, "other")
    together = Counter((one[each], other[each]) for each in subjects)
    expected = len(subjects) / 4
    statistic = sum((count - expected) ** 2 / expected for count in together.values())
    assert chi_square_tail(statistic, 3) > 0.001


def test_without_a_positive_weight_there_is_no_arm():
    with pytest.raises(ValueError, match="positive weight"):
        arm_choose([Arm("a", 0)], salt="s", subject="x")


def test_a_larger_sample_holds_the_smaller_one():
    subjects = [str(number) for number in range(20_000)]
    small, large = (
        {each for each in subjects if sampled(share, salt="s", name="n", subject=each)}
        for share in (0.1, 0.2)
    )
    assert small < large
    assert abs(len(large) / len(subjects) - 0.2) < 0.01


def test_a_weight_for_a_share():
    weight = weight_for_share(0.05, others=95)
    assert weight == pytest.approx(5)
    with pytest.raises(ValueError, match="share"):
        weight_for_share(1, others=1)
