"""Long work as rows that people can read."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mlops.constants import JobKind, JobStatus
from mlops.models.evaluation import Evaluation
from mlops.models.registry import ModelVersion


class ModelJob(models.Model):
    """One registration, export or evaluation: how far it is, what came of it."""

    kind = models.CharField(max_length=20, choices=JobKind)
    status = models.CharField(max_length=20, choices=JobStatus, default=JobStatus.QUEUED)
    parameters = models.JSONField(default=dict)
    progress = models.FloatField(default=0.0, help_text="From 0 to 1.")
    message = models.CharField(max_length=200, blank=True)
    log = models.TextField(blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="jobs"
    )
    result = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="made_by"
    )
    evaluation = models.ForeignKey(
        Evaluation, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=100, blank=True, help_text="Host and process.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = "job"

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_done(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in (JobStatus.SUCCEEDED, JobStatus.FAILED)
