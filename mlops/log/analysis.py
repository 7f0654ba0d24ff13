"""Figures of archived and present months, a batch at a time: years fit into little memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from mlops.log.archive import CHUNK, archive_batches, month_bounds
from mlops.log.partitions import month_of
from mlops.models import LogArchive, Prediction

COLUMNS = (
    "created_at",
    "top_label",
    "top_score",
    "cached",
    "error_code",
    "total_ms",
    "text_length",
)
# Upper edges of the latency histogram: percentiles without keeping every value.
_EDGES = np.geomspace(0.05, 60_000, 400)


@dataclass(slots=True)
class MonthFigures:
    """One month, from wherever its rows lie."""

    month: date
    rows: int = 0
    cached: int = 0
    failed: int = 0
    characters: int = 0
    score: float = 0.0
    labels: Counter[str] = field(default_factory=Counter)
    latency: Any = field(default_factory=lambda: np.zeros(len(_EDGES) + 1, dtype=np.int64))

    def add(self, columns: dict[str, Sequence[Any]]) -> None:
        """Count one batch."""
        self.rows += len(columns["created_at"])
        self.cached += sum(columns["cached"])
        self.failed += sum(code != "" for code in columns["error_code"])
        self.characters += sum(columns["text_length"])
        self.score += sum(score for score in columns["top_score"] if score is not None)
        self.labels.update(label for label in columns["top_label"] if label)
        places = np.searchsorted(_EDGES, np.asarray(columns["total_ms"], dtype=np.float64))
        self.latency += np.bincount(places, minlength=len(self.latency))

    def as_dict(self) -> dict[str, Any]:
        """For people and programs."""
        scored = max(1, self.labels.total())
        return {
            "month": f"{self.month:%Y-%m}",
            "rows": self.rows,
            "cached": round(self.cached / max(1, self.rows), 4),
            "failed": self.failed,
            "mean_characters": round(self.characters / max(1, self.rows), 1),
            "mean_top_score": round(self.score / scored, 4),
            "p50_ms": self._percentile(0.5),
            "p95_ms": self._percentile(0.95),
            "labels": dict(self.labels.most_common()),
        }

    def _percentile(self, share: float) -> float | None:
        if not self.rows:
            return None
        place = int(np.searchsorted(np.cumsum(self.latency), share * self.rows))
        return round(float(_EDGES[min(place, len(_EDGES) - 1)]), 2)


def log_analyse(*, since: date | None = None, until: date | None = None) -> list[MonthFigures]:
    """Figures of each month from *since* to *until*, archives and table together."""
    figures: dict[date, MonthFigures] = {}
    for month, columns in _batches(since, until):
        figures.setdefault(month, MonthFigures(month)).add(columns)
    return [figures[month] for month in sorted(figures)]


def _batches(
    since: date | None, until: date | None
) -> Iterator[tuple[date, dict[str, Sequence[Any]]]]:
    archives = LogArchive.objects.all()
    archives = archives.filter(month__gte=since) if since else archives
    archives = archives.filter(month__lte=until) if until else archives
    for archive in archives.order_by("month"):
        for table in archive_batches([archive], COLUMNS):
            yield archive.month, table.to_pydict()
    for month in _months(since, until):
        rows = Prediction.objects.between(*month_bounds(month)).order_by()
        for chunk in _chunks(rows.values_list(*COLUMNS).iterator(CHUNK)):
            yield month, dict(zip(COLUMNS, zip(*chunk, strict=True), strict=True))


def _months(since: date | None, until: date | None) -> list[date]:
    """The months that the table has rows of."""
    starts = Prediction.objects.order_by().datetimes("created_at", "month")
    months = {month_of(start.date()) for start in starts}
    return sorted(
        month for month in months if (not since or month >= since) and (not until or month <= until)
    )


def _chunks(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    chunk: list[Sequence[Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
