"""Models and their versions."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mlops.constants import Action, Format, Precision, Status


class Model(models.Model):
    """A line of versions that answer the same question."""

    name = models.SlugField(max_length=100, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """One artifact folder: a training's result, or an export of another version."""

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="exports"
    )
    format = models.CharField(max_length=20, choices=Format)
    precision = models.CharField(max_length=10, choices=Precision)
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    folder = models.CharField(max_length=500, help_text="Relative to MODELS_DIR, or absolute.")
    digest = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField(help_text="Bytes of all files.")
    manifest = models.JSONField()
    promoted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=("model", "number"), name="version_number_unique"),
            # One version of a model serves; the database refuses a second.
            models.UniqueConstraint(
                fields=("model",),
                condition=models.Q(status=Status.PRODUCTION),
                name="version_production_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number} ({self.format} {self.precision})"


class ModelEvent(models.Model):
    """Who did what to a version, and why; a row is never changed."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="events")
    action = models.CharField(max_length=20, choices=Action)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.version} {self.action}"


class Evaluation(models.Model):
    """The figures of one version on one labelled file; a row is never changed."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evaluations")
    data_name = models.CharField(max_length=255)
    data_digest = models.CharField(max_length=64, help_text="SHA-256 of the labelled file.")
    texts = models.PositiveIntegerField()
    f1_macro = models.FloatField(null=True, help_text="Null for files labelled by groups.")
    f1_micro = models.FloatField(null=True)
    calibration_error = models.FloatField(null=True)
    fitted_on_this_file = models.BooleanField(
        help_text="The version was trained or calibrated on this file: its figures flatter."
    )
    result = models.JSONField(help_text="All figures, as evaluate_model --json prints them.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.version} on {self.data_name}"
