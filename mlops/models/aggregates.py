"""What is made of the request log: files for people, archives of months, and drift."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from mlops.log.constants import ExportFormat, ExportStatus, Measure


class LogExport(models.Model):
    """A file of predictions that somebody asked for; made in the background."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="log_exports"
    )
    format = models.CharField(max_length=10, choices=ExportFormat)
    filters = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=ExportStatus, default=ExportStatus.QUEUED)
    rows = models.PositiveBigIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes.")
    path = models.CharField(max_length=255, blank=True, help_text="In the default storage.")
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.format} of {self.created_at:%Y-%m-%d %H:%M}"


class LogArchive(models.Model):
    """A month of the log as a Parquet file, from before its table was dropped."""

    month = models.DateField()
    path = models.CharField(max_length=255, unique=True, help_text="In the default storage.")
    rows = models.PositiveBigIntegerField()
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-month", "-created_at")

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class DriftHour(models.Model):
    """What one version saw and said in one hour, in counts that can be added up."""

    hour = models.DateTimeField()
    version_id = models.BigIntegerField()
    documents = models.PositiveBigIntegerField()
    # Counts by label, by tenth and half of a tenth of the top score, by power of two characters.
    labels = models.JSONField(default=dict)
    confidence = models.JSONField(default=list)
    lengths = models.JSONField(default=list)
    # Of the texts that were read anew: a cached answer was not tokenised.
    tokens = models.PositiveBigIntegerField(default=0)
    unknown_tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("-hour",)
        constraints = (
            models.UniqueConstraint(fields=("version_id", "hour"), name="drift_hour_unique"),
        )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}"


class DriftEvent(models.Model):
    """A measure went past its threshold; a row is never changed."""

    at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    version_id = models.BigIntegerField()
    measure = models.CharField(max_length=20, choices=Measure)
    value = models.FloatField()
    threshold = models.FloatField()
    documents = models.PositiveBigIntegerField(help_text="In the window that was compared.")

    class Meta:
        ordering = ("-at", "-pk")

    def __str__(self) -> str:
        return f"{self.measure} {self.value:.3f}"
