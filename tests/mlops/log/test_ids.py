"""Ids: of version 7, in order, carrying their time"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from mlops.log.ids import id_text, id_time, ids_make


def test_it_works():
    before = datetime.now(UTC)
    made = [UUID(bytes=each) for each in ids_make(100)]
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert made == sorted(set(made))
    assert before - timedelta(milliseconds=1) < id_time(made[0]) <= datetime.now(UTC)


def test_the_time_is_exact_to_the_millisecond():
    moment = datetime(2026, 11, 30, 23, 59, 59, 999000, UTC)
    (made,) = ids_make(1, int(moment.timestamp() * 1000))
    assert id_time(UUID(bytes=made)) == moment


def test_the_text_is_the_usual_one():
    (made,) = ids_make(1)
    assert id_text(made) == str(UUID(bytes=made))


def test_ids_of_one_moment_differ():
    assert len({each for _ in range(2000) for each in ids_make(3, 1_700_000_000_000)}) == 6000
