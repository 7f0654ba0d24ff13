"""What is asked of the request log: by people, by the API, by exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Trunc
from django.http import Http404
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied

from accounts.api import User
from mlops.log.privacy import subject_hash
from mlops.log.queries import PredictionQuerySet
from mlops.log.rows import scores_unpack
from mlops.models import ModelVersion, Prediction, UsageHour

# Whoever names no time means this: only so many months are looked into.
DEFAULT_DAYS = 31
# By how much the clocks of our machines may differ, and more.
AHEAD = timedelta(hours=1)
_SUMS = ("requests", "documents", "failed", "cached", "characters", "tokens")


def predictions_visible(*, user: User, everyone: bool) -> PredictionQuerySet:
    """What *user* was answered, or everybody for somebody who may view predictions.

    Raises:
        PermissionDenied: if *user* may not.
    """
    if not everyone:
        return Prediction.objects.filter(user_id=user.pk, shadow=False)
    if not user.has_perm("mlops.view_prediction"):
        raise PermissionDenied("Only those who may view predictions see those of others.")
    return Prediction.objects.all()


def predictions_filtered(
    rows: PredictionQuerySet, *, user_id: UUID, filters: Mapping[str, Any]
) -> PredictionQuerySet:
    """*rows* narrowed by the filters of the API; a subject is one of *user_id*'s."""
    since = filters.get("since") or default_since()
    # An end, too: the months made ahead need not be looked into.
    rows = rows.between(since, filters.get("until") or timezone.now() + AHEAD)
    if filters.get("subject"):
        digest = subject_hash(user_id.bytes, filters["subject"])
        rows = rows.filter(subject_hash=UUID(bytes=digest))
    if filters.get("label"):
        rows = rows.of_labels(filters["label"])
    if filters.get("version"):
        rows = rows.filter(version_id=filters["version"])
    if filters.get("key"):
        rows = rows.filter(key_id=filters["key"])
    if filters.get("low_confidence"):
        rows = rows.filter(low_confidence=True)
    if filters.get("failed"):
        rows = rows.exclude(error_code="")
    return rows


def default_since() -> datetime:
    """From when on, for whoever did not say."""
    return timezone.now() - timedelta(days=DEFAULT_DAYS)


def prediction_get(*, user: User, key: UUID) -> Prediction:
    """A prediction that *user* may see.

    Raises:
        Http404: otherwise. Whether it exists is nobody else's business.
    """
    everyone = user.has_perm("mlops.view_prediction")
    row = predictions_visible(user=user, everyone=everyone).by_id(key).first()
    if row is None:
        raise Http404
    return row


def versions_by_id(ids: Iterable[int | None]) -> dict[int, ModelVersion]:
    """The versions that rows name, by id."""
    wanted = {each for each in ids if each}
    found = ModelVersion.objects.select_related("model").filter(pk__in=wanted)
    return {version.pk: version for version in found}


def version_label(version: ModelVersion | None) -> str | None:
    """A version as commands and filters name it."""
    return f"{version.model.name}:{version.number}" if version else None


def prediction_scores(row: Prediction, version: ModelVersion | None) -> dict[str, float]:
    """Probabilities by label, strongest first; nothing where names and numbers do not meet."""
    if row.scores is None or version is None:
        return {}
    scores = scores_unpack(bytes(row.scores))
    names = version.product_labels
    if len(names) != len(scores):  # the arm of a rollout had labels of its own
        return {}
    ranked = sorted(zip(names, scores, strict=True), key=lambda pair: -pair[1])
    return {name: round(score, 4) for name, score in ranked}


def usage_by_period(*, user: User, since: datetime, period: str) -> list[dict[str, Any]]:
    """Counts of *user* by ``day`` or ``hour`` (UTC), key and model, newest first."""
    hours = UsageHour.objects.filter(user_id=user.pk, hour__gte=since)
    grouped = hours.annotate(period=Trunc("hour", period)).values("period", "key_id", "version_id")
    rows = list(grouped.annotate(**{name: Sum(name) for name in _SUMS}).order_by("-period"))
    versions = versions_by_id(row["version_id"] for row in rows)
    return [{**row, "model": _model(versions.get(row["version_id"]))} for row in rows]


def _model(version: ModelVersion | None) -> str:
    manifest = version.manifest if version else {}
    return f"{manifest['name']}/{manifest['version']}" if manifest else ""
