"""What the request log and feedback say of each arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Case, Count, F, FloatField, Min, Q, QuerySet, Sum, Value, When
from numpy.typing import NDArray

from mlops.models import Arm, Feedback, Prediction, Rollout
from mlops.rollouts.constants import Mode, Unit
from mlops.statistics.sequential import ClusterSums

# Processes load an arm's version at different moments; until all have, its subjects are the
# champion's and would be missing.
SETTLE = timedelta(seconds=5)
# Enough for the 99th percentile of either arm, and under a second to fetch.
MAX_LATENCIES = 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One arm since the weights are as they are. Latencies are of uncached answers only."""

    arm: Arm
    requests: int = 0
    errors: ClusterSums = field(default_factory=ClusterSums)
    unsure: ClusterSums = field(default_factory=ClusterSums)
    confidence: ClusterSums = field(default_factory=ClusterSums)
    agreement: ClusterSums = field(default_factory=ClusterSums)
    latencies: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def subjects(self) -> int:
        """Different subjects seen."""
        return self.errors.subjects


def settled_since(rollout: Rollout) -> datetime | None:
    """Since when all live arms answer by the present weights; None before that."""
    if rollout.stage_at is None:
        return None
    firsts = [
        Prediction.objects.between(rollout.stage_at)
        .filter(arm_id=arm.pk)
        .aggregate(first=Min("created_at"))["first"]
        for arm in rollout.arms.filter(mode=Mode.LIVE, weight__gt=0, paused_at=None)
    ]
    if any(first is None for first in firsts):
        return None
    latest: datetime = max([rollout.stage_at, *firsts])
    return latest + SETTLE


def outcome_of(arm: Arm, since: datetime, until: datetime | None = None) -> Outcome:
    """What became of *arm*'s answers from *since* on."""
    rows = Prediction.objects.between(since, until).filter(arm_id=arm.pk)
    if not rows.exists():
        return Outcome(arm)
    sums = _sums(rows, arm.rollout.unit)
    top = rows.exclude(top_label="").values_list("top_label").annotate(n=Count("pk")).order_by()
    uncached = rows.filter(cached=False, error_code="").annotate(ms=F("queue_ms") + F("infer_ms"))
    return Outcome(
        arm=arm,
        requests=int(sums["errors"].n),
        **sums,
        agreement=_agreement(arm, since, until),
        latencies=np.array(
            uncached.order_by("-created_at").values_list("ms", flat=True)[:MAX_LATENCIES],
            dtype=np.float64,
        ),
        labels=Counter(dict(top)),
    )


def _sums(rows: QuerySet[Prediction], unit: str) -> dict[str, ClusterSums]:
    """Sums over subjects, by the database: one row of it per subject would be too many for us."""
    good = Q(error_code="")
    subjects = (
        rows.annotate(unit=_key_of_unit(unit))
        .values(*_UNITS[unit])
        .order_by()
        .annotate(
            n=Count("pk"),
            good=Count("pk", filter=good),
            failed=Count("pk", filter=~good),
            unsure=Count("pk", filter=good & Q(low_confidence=True)),
            score=Sum("top_score", filter=good, default=0.0),
        )
    )
    got = subjects.aggregate(
        subjects=Count("*"),
        answered=Count("n", filter=Q(good__gt=0)),
        **_moments("errors", "n", "failed"),
        **_moments("unsure", "good", "unsure"),
        **_moments("confidence", "good", "score"),
    )
    counts = {"errors": "subjects", "unsure": "answered", "confidence": "answered"}
    return {name: _cluster(got, name, got[subjects]) for name, subjects in counts.items()}


def _moments(name: str, n: str, x: str) -> dict[str, Sum]:
    pairs = {"n": F(n), "x": F(x), "nn": F(n) * F(n), "nx": F(n) * F(x), "xx": F(x) * F(x)}
    return {
        f"{name}_{each}": Sum(value, output_field=FloatField(), default=0.0)
        for each, value in pairs.items()
    }


def _cluster(got: Mapping[str, Any], name: str, subjects: int) -> ClusterSums:
    return ClusterSums(subjects, *(float(got[f"{name}_{part}"]) for part in _PARTS))


def _key_of_unit(unit: str) -> Case | F:
    """The key that made the request, unless the subject says it all."""
    if unit == Unit.SUBJECT:
        return Case(When(subject_hash__isnull=False, then=Value("")), default=F("key_id"))
    return F("key_id")


def _agreement(arm: Arm, since: datetime, until: datetime | None) -> ClusterSums:
    """Weighted feedback by subject; late feedback counts for when its answer was given."""
    rows = Feedback.objects.filter(arm_id=arm.pk, predicted_at__gte=since)
    if until:
        rows = rows.filter(predicted_at__lt=until)
    unit = arm.rollout.unit
    by = ("prediction_id",) if unit == Unit.REQUEST else _UNITS[unit]
    subjects = (
        rows.annotate(unit=_key_of_unit(unit))
        .values(*by)
        .order_by()
        .annotate(n=Sum("weight"), x=Sum("weight", filter=Q(agrees=True), default=0.0))
    )
    return ClusterSums.of((row["n"], row["x"]) for row in subjects.iterator(chunk_size=5_000))


_PARTS = ("n", "x", "nn", "nx", "xx")
_UNITS: dict[str, tuple[str, ...]] = {
    Unit.SUBJECT: ("subject_hash", "unit", "user_id"),
    Unit.KEY: ("unit", "user_id"),
    Unit.USER: ("user_id",),
    Unit.REQUEST: ("request_id",),
}
