"""Names of states and measures of the request log."""

from __future__ import annotations

from django.db import models


class ExportFormat(models.TextChoices):
    """What a file of predictions may be."""

    CSV = "csv", "CSV"
    PARQUET = "parquet"


class ExportStatus(models.TextChoices):
    """Where an export is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Measure(models.TextChoices):
    """What is compared with the reference window."""

    LABELS_PSI = "labels_psi", "labels: population stability index"
    LABELS_JS = "labels_js", "labels: Jensen-Shannon distance"
    CONFIDENCE_PSI = "confidence_psi", "confidence: population stability index"
    CONFIDENCE_JS = "confidence_js", "confidence: Jensen-Shannon distance"
    LENGTHS_PSI = "lengths_psi", "text length: population stability index"
    LENGTHS_JS = "lengths_js", "text length: Jensen-Shannon distance"
    UNKNOWN_SHARE = "unknown_share", "out-of-vocabulary share"
    STRAYS = "strays", "rows in the default partition"
