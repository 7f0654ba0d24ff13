"""What Prometheus sees of HTTP: requests by view, method and status, and how long they took.

And where it looks: ``scrape`` is ``/metrics``.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import Counter

from config.common.notes import BulkHistogram, notes

# django-prometheus' names, so that dashboards for it show these; its own middleware writes twenty
# series for a request and took a seventh of a cached answer's time.
REQUESTS = Counter("django_http_requests_total_by_method", "Requests by method.", ["method"])
RESPONSES = Counter(
    "django_http_responses_total_by_status_view_method",
    "Responses by status, view and method.",
    ["status", "view", "method"],
)
LATENCY = BulkHistogram(
    "django_http_requests_latency_seconds_by_view_method",
    "Time to answer, all middleware included, by view and method.",
    ["view", "method"],
    buckets=settings.PROMETHEUS_LATENCY_BUCKETS,
)
# Whatever else a client invents must not become a series of its own.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_UNNAMED = "<unnamed view>"
# Answered in front of Django, where no view is known yet.
_REFUSED = "<refused in line>"


class HttpMetricsMiddleware:
    """Counts and times every request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        view = (match.view_name if match else None) or _UNNAMED
        seconds = time.perf_counter() - started
        answer_count(view, _known(request.method), response.status_code, seconds)
        return response


def answer_count(view: str, method: str, status: int, seconds: float) -> None:
    """Note an answer and the time that it took."""
    notes.add(_answers_count, (view, method, status, seconds))


def refusal_count(method: str) -> None:
    """Note a request that was told 503 before Django saw it."""
    notes.add(_refusals_count, method)


def scrape(request: HttpRequest) -> HttpResponse:
    """Everything that this process has noted, and that other workers had a moment ago."""
    notes.flush()
    answer: HttpResponse = ExportToDjangoView(request)
    return answer


def _answers_count(answers: Sequence[tuple[str, str, int, float]]) -> None:
    for (view, method, status), count in Tally(answer[:3] for answer in answers).items():
        _requests_count(view, method, status, count)
    latencies: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for view, method, _, seconds in answers:
        latencies[view, method].append(seconds)
    for labels, values in latencies.items():
        LATENCY.labels(*labels).observe_all(values)


def _refusals_count(methods: Sequence[str]) -> None:
    for method, count in Tally(map(_known, methods)).items():
        _requests_count(_REFUSED, method, 503, count)


def _requests_count(view: str, method: str, status: int, count: int) -> None:
    REQUESTS.labels(method).inc(count)
    RESPONSES.labels(str(status), view, method).inc(count)


def _known(method: str | None) -> str:
    return str(method) if method in _METHODS else "<invalid method>"
