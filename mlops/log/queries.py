"""Questions to the request log. Each names its time, so that only the months it means are read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models

from mlops.log.ids import id_time

if TYPE_CHECKING:
    from mlops.models import Prediction  # noqa: F401 - names the type of the rows


class PredictionQuerySet(models.QuerySet["Prediction"]):
    """Rows of the request log."""

    def by_id(self, *ids: UUID) -> PredictionQuerySet:
        """The rows of *ids*: an id carries its time, and with it the one month to look into."""
        return self.filter(pk__in=ids, created_at__in={id_time(each) for each in ids})

    def between(self, since: datetime, until: datetime | None = None) -> PredictionQuerySet:
        """Rows from *since* on, before *until*."""
        rows = self.filter(created_at__gte=since)
        return rows.filter(created_at__lt=until) if until else rows

    def before(self, last: UUID) -> PredictionQuerySet:
        """What follows the row *last* in the order of the log, newest first."""
        moment = id_time(last)
        earlier = models.Q(created_at__lt=moment) | models.Q(created_at=moment, pk__lt=last)
        return self.filter(earlier, created_at__lte=moment)

    def of_labels(self, labels: Iterable[str]) -> PredictionQuerySet:
        """Rows whose strongest label is one of *labels*."""
        return self.filter(top_label__in=list(labels))
