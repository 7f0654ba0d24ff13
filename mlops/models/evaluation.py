"""Data sets, the figures of versions on them, and what promotions are held to."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mlops.constants import GateMetric
from mlops.models.registry import ModelVersion


class Dataset(models.Model):
    """A labelled file, kept under its digest."""

    name = models.SlugField(max_length=100)
    split = models.SlugField(max_length=50, default="test")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    suffix = models.CharField(max_length=10)
    rows = models.PositiveIntegerField()
    labels = models.JSONField(help_text="Names, in the order of their ids.")
    label_map = models.JSONField(
        default=dict, blank=True, help_text="From the file's labels to the product's."
    )
    reference = models.BooleanField(
        default=False, help_text="Promotion gates compare on this data set."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "split")
        constraints = (
            models.UniqueConstraint(fields=("name", "split"), name="dataset_split_unique"),
            models.UniqueConstraint(
                fields=("reference",),
                condition=models.Q(reference=True),
                name="dataset_reference_unique",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}:{self.split}"


class Evaluation(models.Model):
    """The figures of one version on one labelled file; a row is never changed."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="evaluations")
    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, null=True, blank=True, related_name="evaluations"
    )
    data_name = models.CharField(max_length=255)
    data_digest = models.CharField(max_length=64, help_text="SHA-256 of the labelled file.")
    outputs_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the kept probabilities of every row."
    )
    texts = models.PositiveIntegerField()
    f1_macro = models.FloatField(null=True, help_text="Null for files labelled by groups.")
    f1_micro = models.FloatField(null=True)
    calibration_error = models.FloatField(null=True)
    latency_p95 = models.FloatField(null=True, help_text="Milliseconds of a single text.")
    memory = models.FloatField(null=True, help_text="Resident MB that the loaded model takes.")
    behaviour = models.FloatField(null=True, help_text="Share of behavioural cases passed.")
    fitted_on_this_file = models.BooleanField(
        help_text="The version was trained or calibrated on this file: its figures flatter."
    )
    result = models.JSONField(help_text="All figures, as evaluate_model --json prints them.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.version} on {self.data_name}"


class PromotionGate(models.Model):
    """One condition of a promotion. Gates ask for a reference data set to have figures on."""

    metric = models.CharField(max_length=30, choices=GateMetric, unique=True)
    limit = models.FloatField()
    confidence = models.FloatField(
        default=0.95, help_text="Of the interval whose lower end must hold; for macro-F1."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ("metric",)

    def __str__(self) -> str:
        return f"{self.get_metric_display()} {self.limit:g}"
