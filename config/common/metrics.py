"""What Prometheus sees of HTTP: requests by view, method and status, and how long they took."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

# django-prometheus' names, so that dashboards for it show these; its own middleware writes twenty
# series for a request and took a seventh of a cached answer's time.
REQUESTS = Counter("django_http_requests_total_by_method", "Requests by method.", ["method"])
RESPONSES = Counter(
    "django_http_responses_total_by_status_view_method",
    "Responses by status, view and method.",
    ["status", "view", "method"],
)
LATENCY = Histogram(
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
    """Count an answer and the time that it took."""
    requests, responses, latency = _series(view, method, status)
    requests.inc()
    responses.inc()
    latency.observe(seconds)


def refusal_count(method: str) -> None:
    """Count a request that was told 503 before Django saw it."""
    requests, responses, _ = _series(_REFUSED, _known(method), 503)
    requests.inc()
    responses.inc()


def _known(method: str | None) -> str:
    return str(method) if method in _METHODS else "<invalid method>"


@cache
def _series(view: str, method: str, status: int) -> tuple[Counter, Counter, Histogram]:
    return (
        REQUESTS.labels(method),
        RESPONSES.labels(str(status), view, method),
        LATENCY.labels(view, method),
    )
