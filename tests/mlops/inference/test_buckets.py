"""The few shapes that a GPU is asked in."""

from __future__ import annotations

import pytest

from mlops.inference.buckets import Bucket, Buckets, padded_width

BUDGET = 16_384
LENGTHS = (8, 66, 128, 512, 8192)


@pytest.fixture
def buckets():
    return Buckets(128, BUDGET)


def test_it_works(buckets):
    assert list(buckets.parts(5, 20)) == [(slice(0, 5), Bucket(16, 32))]
    assert list(buckets.parts(1, 128)) == [(slice(0, 1), Bucket(1, 128))]


@pytest.mark.parametrize("max_length", LENGTHS)
def test_every_batch_within_the_budget_is_one_pass(max_length):
    buckets = Buckets(max_length, BUDGET)
    known = set(buckets)
    for width in range(1, max_length + 1, max(1, max_length // 100)):
        most = max(1, BUDGET // padded_width(width, buckets.widths))
        for rows in {1, 2, most // 3 or 1, most // 2 or 1, most}:
            [(part, bucket)] = buckets.parts(rows, width)
            assert part == slice(0, rows)
            assert bucket in known
            assert rows <= bucket.rows
            assert width <= bucket.width <= max_length


def test_more_rows_than_any_shape_has_are_split_without_a_gap(buckets):
    parts = list(buckets.parts(300, 100))
    assert [part for part, _ in parts] == [slice(0, 128), slice(128, 256), slice(256, 300)]
    assert [bucket.rows for _, bucket in parts] == [128, 128, 64]


def test_no_batch_of_more_than_the_smallest_size_is_doubled_twice(buckets):
    for rows in range(5, 129):
        [(_, bucket)] = buckets.parts(rows, 128)
        assert bucket.rows < 2 * rows


@pytest.mark.parametrize("max_length", LENGTHS)
def test_they_are_few_and_none_exceeds_the_budget(max_length):
    shapes = list(Buckets(max_length, BUDGET))
    assert len(shapes) == len(set(shapes)) <= 90
    assert max(each.rows * each.width for each in shapes) <= BUDGET


def test_the_largest_come_first(buckets):
    sizes = [each.rows * each.width for each in buckets]
    assert sizes == sorted(sizes, reverse=True)


def test_a_budget_below_one_window_leaves_single_rows():
    assert list(Buckets(64, 16)) == [Bucket(1, width) for width in (64, 48, 32, 16)]


def test_what_is_longer_than_any_window_is_refused(buckets):
    with pytest.raises(ValueError, match="129 tokens; the longest window has 128"):
        list(buckets.parts(1, 129))


def test_without_widths_a_batch_is_padded_to_its_longest():
    assert padded_width(37, ()) == 37
    assert padded_width(37, (16, 48)) == 48
    assert padded_width(48, (16, 48)) == 48
    assert padded_width(49, (16, 48)) == 49
