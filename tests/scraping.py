"""What Prometheus would see of this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from django.test import RequestFactory

from config.common.metrics import scrape


def grown(act: Callable[[], object]) -> dict[str, float]:
    """By how much each series of ours has grown right after *act*."""
    before = _series()
    act()
    # Of two counters the difference has only what is more than nothing.
    return {name: float(more) for name, more in (_series() - before).items()}


def _series() -> Counter[str]:
    page = scrape(RequestFactory().get("/metrics")).content.decode()
    lines = [line for line in page.splitlines() if line.startswith(("valence_", "django_http_"))]
    return Counter(
        {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines)}
    )
