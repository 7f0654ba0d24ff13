"""What texts and answers look like by hour, and whether that has changed."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, F, FloatField, IntegerField, Max, Q, Sum, Value
from django.db.models.functions import Cast, Floor, Least, Ln

from mlops.log import metrics
from mlops.log.constants import Measure
from mlops.log.queries import PredictionQuerySet
from mlops.log.shift import CONFIDENCE_BINS, LENGTH_BINS, jensen_shannon, stability_index
from mlops.models import DriftEvent, DriftHour, Prediction

logger = logging.getLogger(__name__)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# After an outage rows arrive late: the last hours are counted again, older ones are settled.
RECOUNT_HOURS = 26
# The same measure of a version is not raised again for so long.
QUIET = DAY


@dataclass(slots=True)
class Window:
    """Hours added up."""

    documents: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    confidence: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_BINS)
    lengths: list[int] = field(default_factory=lambda: [0] * LENGTH_BINS)
    tokens: int = 0
    unknown: int = 0

    def add(self, hour: DriftHour) -> None:
        """Add one hour."""
        self.documents += hour.documents
        self.labels.update(hour.labels)
        self.confidence = _sums(self.confidence, hour.confidence)
        self.lengths = _sums(self.lengths, hour.lengths)
        self.tokens += hour.tokens
        self.unknown += hour.unknown_tokens

    @property
    def unknown_share(self) -> float:
        """Of the tokens of texts that were read anew."""
        return self.unknown / max(1, self.tokens)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The last day of a version beside the days before it; no values where too little was seen."""

    version_id: int
    current: Window
    reference: Window
    values: dict[str, float]

    @property
    def exceeded(self) -> dict[str, float]:
        """The measures past their thresholds."""
        limits = thresholds()
        return {name: value for name, value in self.values.items() if value > limits[name]}


def thresholds() -> dict[str, float]:
    """By measure, from the settings."""
    psi, js = settings.DRIFT_PSI, settings.DRIFT_JS
    return {
        Measure.LABELS_PSI: psi,
        Measure.CONFIDENCE_PSI: psi,
        Measure.LENGTHS_PSI: psi,
        Measure.LABELS_JS: js,
        Measure.CONFIDENCE_JS: js,
        Measure.LENGTHS_JS: js,
        Measure.UNKNOWN_SHARE: settings.DRIFT_UNKNOWN_SHARE,
    }


def drift_round(*, now: datetime) -> list[DriftEvent]:
    """Count the hours that are new, compare, and raise what is past its threshold."""
    hours_count(now=now)
    events = []
    for comparison in comparisons(now=now):
        for name, value in comparison.values.items():
            metrics.DRIFT.labels(str(comparison.version_id), name).set(value)
        events += [
            _raised(comparison, name, value, now) for name, value in comparison.exceeded.items()
        ]
    return [event for event in events if event]


def hours_count(*, now: datetime) -> int:
    """Write the aggregates of each whole hour since the last one; how many were written."""
    end = now.replace(minute=0, second=0, microsecond=0)
    newest = DriftHour.objects.aggregate(at=Max("hour"))["at"]
    first = end - timedelta(days=settings.DRIFT_REFERENCE_DAYS + 1)
    start = max(first, newest - RECOUNT_HOURS * HOUR) if newest else first
    written = 0
    for hour in _hours(start, end):
        written += _hour_count(hour)
    return written


def comparisons(*, now: datetime) -> list[Comparison]:
    """Each version that answered in the last day."""
    since = now - DAY
    first = since - timedelta(days=settings.DRIFT_REFERENCE_DAYS)
    windows: dict[int, tuple[Window, Window]] = {}
    for hour in DriftHour.objects.filter(hour__gte=first, hour__lt=now):
        current, reference = windows.setdefault(hour.version_id, (Window(), Window()))
        (current if hour.hour >= since else reference).add(hour)
    return [
        Comparison(version_id, *pair, compared(*pair))
        for version_id, pair in windows.items()
        if pair[0].documents
    ]


def compared(current: Window, reference: Window) -> dict[str, float]:
    """Every measure of *current* against *reference*."""
    if min(current.documents, reference.documents) < settings.DRIFT_MIN_DOCUMENTS:
        return {}
    names = sorted({*current.labels, *reference.labels})
    pairs: dict[str, tuple[Sequence[int], Sequence[int]]] = {
        "labels": ([reference.labels[n] for n in names], [current.labels[n] for n in names]),
        "confidence": (reference.confidence, current.confidence),
        "lengths": (reference.lengths, current.lengths),
    }
    values = {f"{name}_psi": stability_index(*pair) for name, pair in pairs.items()}
    values |= {f"{name}_js": jensen_shannon(*pair) for name, pair in pairs.items()}
    return {**values, Measure.UNKNOWN_SHARE.value: current.unknown_share}


def _raised(comparison: Comparison, name: str, value: float, now: datetime) -> DriftEvent | None:
    version_id = comparison.version_id
    recent = DriftEvent.objects.filter(version_id=version_id, measure=name, at__gt=now - QUIET)
    if recent.exists():
        return None
    limit = thresholds()[name]
    logger.warning("drift of version %d: %s is %.3f, above %.3f", version_id, name, value, limit)
    return DriftEvent.objects.create(
        at=now,
        version_id=version_id,
        measure=name,
        value=value,
        threshold=limit,
        documents=comparison.current.documents,
    )


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        yield hour
        hour += HOUR


def _hour_count(hour: datetime) -> int:
    """The hour's rows by version; counted by the database, written over what was there."""
    # Live answers only: a shadow arm has its own page, and failures say nothing of texts.
    rows = Prediction.objects.between(hour, hour + HOUR).filter(
        shadow=False, error_code="", version_id__isnull=False, top_score__isnull=False
    )
    totals = (
        rows.order_by()
        .values("version_id")
        .annotate(
            documents=Count("pk"),
            tokens=Sum("tokens", filter=Q(unknown_tokens__isnull=False)),
            unknown=Sum("unknown_tokens"),
        )
    )
    labels = _grouped(rows, F("top_label"))
    confidence = _grouped(rows, _bin(F("top_score") * CONFIDENCE_BINS, CONFIDENCE_BINS))
    # Powers of two, by the one logarithm that SQLite and PostgreSQL agree on.
    length = Ln(Cast(F("text_length") + 1, FloatField())) / Value(math.log(2))
    lengths = _grouped(rows, _bin(length, LENGTH_BINS))
    for total in totals:
        version_id = int(total["version_id"] or 0)
        DriftHour.objects.update_or_create(
            version_id=version_id,
            hour=hour,
            defaults={
                "documents": total["documents"],
                "labels": dict(labels[version_id]),
                "confidence": _listed(confidence[version_id], CONFIDENCE_BINS),
                "lengths": _listed(lengths[version_id], LENGTH_BINS),
                "tokens": total["tokens"] or 0,
                "unknown_tokens": total["unknown"] or 0,
            },
        )
    return len(totals)


def _bin(value: object, bins: int) -> Least:
    return Least(Cast(Floor(value), IntegerField()), Value(bins - 1))


def _grouped(rows: PredictionQuerySet, what: object) -> dict[int, Counter[object]]:
    found = rows.order_by().values("version_id").annotate(kind=what).annotate(n=Count("pk"))
    grouped: dict[int, Counter[object]] = {}
    for row in found.values_list("version_id", "kind", "n"):
        grouped.setdefault(int(row[0] or 0), Counter())[row[1]] = row[2]
    return grouped


def _listed(counts: Counter[object], bins: int) -> list[int]:
    return [counts[index] for index in range(bins)]


def _sums(left: Sequence[int], right: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(left, right, strict=True)]
