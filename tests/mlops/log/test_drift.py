"""Hourly aggregates, distances, and the events that they raise"""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from mlops.log.drift import comparisons, drift_round, hours_count
from mlops.log.ids import ids_make
from mlops.log.shift import jensen_shannon, stability_index
from mlops.models import DriftEvent, DriftHour, Prediction

NOW = datetime(2031, 5, 20, 12, 30, tzinfo=UTC)
VERSION = 987_654
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def few(settings):
    settings.DRIFT_MIN_DOCUMENTS = 50
    settings.DRIFT_REFERENCE_DAYS = 2
    yield
    Prediction.objects.filter(version_id=VERSION).delete()
    DriftHour.objects.all().delete()
    DriftEvent.objects.all().delete()


def add(count: int, at: datetime, **fields) -> None:
    rows = []
    for number in range(count):
        moment = at + timedelta(milliseconds=next(_numbers) % 1000)
        values = {
            "top_label": "joy" if number % 2 else "anger",
            "top_score": 0.55 + 0.4 * (number % 2),
            "text_length": 40 + number % 60,
            "tokens": 20,
            "unknown_tokens": 0,
        }
        key = uuid.UUID(bytes=ids_make(1, int(moment.timestamp() * 1000))[0])
        rows.append(Prediction(id=key, created_at=moment, version_id=VERSION, **(values | fields)))
    Prediction.objects.bulk_create(rows)


def ours() -> list:
    return [each for each in comparisons(now=NOW) if each.version_id == VERSION]


def test_it_works():
    add(100, NOW - timedelta(hours=40))
    add(100, NOW - timedelta(hours=3))
    assert drift_round(now=NOW) == []
    (comparison,) = ours()
    assert (comparison.current.documents, comparison.reference.documents) == (100, 100)
    assert comparison.current.labels == {"joy": 50, "anger": 50}
    assert comparison.values["labels_psi"] == pytest.approx(0, abs=1e-9)
    assert comparison.values["lengths_js"] == pytest.approx(0, abs=1e-6)


def test_a_shift_raises_events_once():
    add(100, NOW - timedelta(hours=40))
    add(100, NOW - timedelta(hours=3), top_label="grief", top_score=0.2, unknown_tokens=3)
    raised = {event.measure for event in drift_round(now=NOW)}
    assert {"labels_psi", "labels_js", "confidence_psi", "unknown_share"} <= raised
    assert "lengths_psi" not in raised
    assert drift_round(now=NOW + timedelta(minutes=30)) == []
    event = DriftEvent.objects.get(measure="unknown_share")
    assert event.value == pytest.approx(3 / 20)
    assert event.documents == 100


def test_too_few_documents_say_nothing():
    add(100, NOW - timedelta(hours=40))
    add(49, NOW - timedelta(hours=3), top_label="grief")
    assert drift_round(now=NOW) == []
    assert ours()[0].values == {}


def test_rows_that_arrive_late_are_counted_the_next_time():
    at = NOW - timedelta(hours=3)
    add(10, at)
    hours_count(now=NOW)
    add(5, at)
    hours_count(now=NOW)
    assert DriftHour.objects.get(version_id=VERSION).documents == 15


def test_shadows_and_failures_are_left_out():
    at = NOW - timedelta(hours=3)
    add(10, at)
    add(10, at, shadow=True)
    add(10, at, error_code="queue_full", top_score=None)
    hours_count(now=NOW)
    hour = DriftHour.objects.get(version_id=VERSION)
    assert hour.documents == sum(hour.confidence) == sum(hour.lengths) == 10


@pytest.mark.parametrize(
    ("one", "other", "psi", "js"),
    [
        ([10, 10], [10, 10], 0.0, 0.0),
        ([100, 0], [0, 100], 10.5, 1.0),
        # By hand: shares of .5/.5 against .9/.1.
        ([500, 500], [900, 100], 0.878, 0.383),
    ],
)
def test_the_distances_are_those_of_the_books(one, other, psi, js):
    assert stability_index(one, other) == pytest.approx(psi, abs=0.02)
    assert jensen_shannon(one, other) == pytest.approx(js, abs=0.005)
