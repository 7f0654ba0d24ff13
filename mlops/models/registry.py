"""Models, their versions, and what happened to them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from mlops.constants import Action, Format, Precision, Status
from mlops.inference.manifest import labels_renamed
from mlops.models.base import AppendOnlyModel


class Model(models.Model):
    """A line of versions that answer the same question."""

    name = models.SlugField(max_length=100, unique=True)
    task = models.CharField(
        max_length=50, default="emotion", help_text="What is classified: emotion, sentiment, ..."
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whom to ask about it.",
    )
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """One artifact: a training's result, or an export of another version.

    Labels, label map, activation, window length, calibration and thresholds are the manifest's.
    """

    model = models.ForeignKey(Model, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="exports"
    )
    source = models.CharField(max_length=500, blank=True, help_text="Where the artifact is from.")
    format = models.CharField(max_length=20, choices=Format)
    precision = models.CharField(max_length=10, choices=Precision)
    devices = models.JSONField(default=list, help_text="Kinds of device that it can run on.")
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    failure = models.TextField(blank=True, help_text="Why it failed.")
    digest = models.CharField(max_length=64, db_index=True)
    size = models.PositiveBigIntegerField(help_text="Bytes of all files.")
    manifest = models.JSONField()
    report = models.JSONField(default=dict, help_text="How an export differs from its parent.")
    promoted_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)
        permissions = (("force_promotion", "Can promote a version that a gate refuses"),)
        constraints = (
            models.UniqueConstraint(fields=("model", "number"), name="version_number_unique"),
            # An artifact is one version; after a deletion it may come back as another.
            models.UniqueConstraint(
                fields=("digest",), condition=Q(deleted_at=None), name="version_digest_unique"
            ),
            # One version of a model serves; the database refuses a second.
            models.UniqueConstraint(
                fields=("model",),
                condition=Q(status=Status.PRODUCTION),
                name="version_production_unique",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="version_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.FAILED) | ~Q(failure=""), name="version_failed_says_why"
            ),
            # What failed or was deleted cannot serve, whoever writes the row.
            models.CheckConstraint(
                condition=~Q(status=Status.PRODUCTION)
                | Q(failure="", deleted_at__isnull=True, promoted_at__isnull=False),
                name="version_production_sound",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number} ({self.format} {self.precision})"

    @property
    def name(self) -> str:
        """As commands take it: ``NAME:NUMBER``."""
        return f"{self.model.name}:{self.number}"

    @property
    def labels(self) -> list[str]:
        """In output order."""
        labels: list[str] = self.manifest["labels"]
        return labels

    @property
    def label_map(self) -> dict[str, str]:
        """From the model's labels to the product's, where they differ."""
        label_map: dict[str, str] = self.manifest.get("label_map", {})
        return label_map

    @property
    def product_labels(self) -> list[str]:
        """As answers, the log and feedback call them, in output order."""
        return labels_renamed(self.labels, self.label_map)

    @property
    def export_options(self) -> dict[str, Any]:
        """How an export was made; empty for what is none."""
        options: dict[str, Any] = self.manifest["provenance"].get("export", {})
        return options

    @property
    def cascade(self) -> dict[str, Any] | None:
        """Of which versions a cascade is made, and how it was fitted; None for what is none."""
        if self.format != Format.CASCADE:
            return None
        made = self.manifest["provenance"].get("cascade", {})
        return {**made, "bound": self.manifest["bound"]}


class VersionAlias(models.Model):
    """A name that moves: ``champion`` follows promotions, others are set by people."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="aliases")
    name = models.SlugField(max_length=50)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "version aliases"
        constraints = (
            models.UniqueConstraint(fields=("model", "name"), name="alias_unique_in_model"),
        )

    def __str__(self) -> str:
        return self.name


class ModelEvent(AppendOnlyModel):
    """Who did what to a version, and why; a row is never changed."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="events")
    action = models.CharField(max_length=20, choices=Action)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.version} {self.action}"
