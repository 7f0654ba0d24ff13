"""Requests are counted behind them: none twice, none lost, and whoever looks sees them all"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from prometheus_client import Histogram

from config.common.metrics import HttpMetricsMiddleware, refusal_count
from config.common.notes import BulkHistogram, Notes
from tests.scraping import grown
from tests.waiting import wait_for

THREADS = 8
EACH = 2_000
RESPONSES = "django_http_responses_total_by_status_view_method_total"


def test_it_works():
    def answer(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=418)

    request = RequestFactory().get("/somewhere")
    for _ in range(3):
        seen = grown(lambda: HttpMetricsMiddleware(answer)(request))  # and not some time later
        labels = 'method="GET",status="418",view="<unnamed view>"'
        assert seen[f"{RESPONSES}{{{labels}}}"] == 1
        assert seen['django_http_requests_total_by_method_total{method="GET"}'] == 1
        labels = 'method="GET",view="<unnamed view>"'
        assert seen[f"django_http_requests_latency_seconds_by_view_method_count{{{labels}}}"] == 1


@pytest.mark.parametrize(("method", "shown"), [("POST", "POST"), ("BREW", "<invalid method>")])
def test_what_is_refused_in_line_is_counted_by_method(method, shown):
    seen = grown(lambda: refusal_count(method))
    assert seen[f'{RESPONSES}{{method="{shown}",status="503",view="<refused in line>"}}'] == 1


def test_many_values_at_once_fill_the_buckets_that_each_alone_would():
    bounds = (0.1, 0.2, 0.4)
    values = [0.0, 0.1, 0.1000001, 0.2, 0.3, 0.4, 0.5, 7.0]
    bulk = BulkHistogram("valence_test_bulk", "Test.", buckets=bounds, registry=None)
    each = Histogram("valence_test_each", "Test.", buckets=bounds, registry=None)
    bulk.observe_all(values)
    for value in values:
        each.observe(value)
    assert samples(bulk) == pytest.approx(samples(each))
    assert samples(bulk)["_count", None] == len(values)


def samples(histogram: Histogram) -> dict[tuple[str, str | None], float]:
    """By what follows the name, and the upper bound of a bucket."""
    found = (sample for family in histogram.collect() for sample in family.samples)
    return {
        (each.name[len("valence_test_bulk") :], each.labels.get("le")): each.value
        for each in found
        if not each.name.endswith("_created")
    }


@pytest.fixture
def counted() -> list[int]:
    return []


def test_notes_are_counted_without_anybody_looking(counted):
    Notes().add(counted.extend, 1)
    wait_for(lambda: counted == [1])


def test_each_note_is_counted_once_whoever_counts(counted):
    notes = Notes()

    def note(first: int) -> None:
        for number in range(first, first + EACH):
            notes.add(counted.extend, number)
            if not number % 10:
                notes.flush()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(note, range(0, THREADS * EACH, EACH)))
    notes.flush()
    assert sorted(counted) == list(range(THREADS * EACH))


def test_what_a_thread_has_noted_is_counted_when_its_flush_returns(counted):
    notes = Notes()

    def note(first: int) -> list[int]:
        missed = []
        for number in range(first, first + 200):
            notes.add(counted.extend, number)
            notes.flush()
            missed += [number] if number not in counted else []
        return missed

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(note, range(0, THREADS * 200, 200))) == [[]] * THREADS


def test_each_kind_is_counted_in_one_go():
    calls: list[tuple[str, list[int]]] = []

    def even(numbers: Sequence[int]) -> None:
        calls.append(("even", [*numbers]))

    def odd(numbers: Sequence[int]) -> None:
        calls.append(("odd", [*numbers]))

    notes = Notes()
    for number in range(6):
        notes._noted.append((odd if number % 2 else even, number))  # without its thread
    notes.flush()
    assert calls == [("even", [0, 2, 4]), ("odd", [1, 3, 5])]
