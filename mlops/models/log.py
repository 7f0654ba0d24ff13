"""The request log: its rows, and what is counted from them."""

from __future__ import annotations

from django.db import models

from mlops.log.queries import PredictionQuerySet


class Prediction(models.Model):
    """One text's answer. ``id`` is a UUIDv7 whose milliseconds are ``created_at``.

    References are plain ids: a row must outlive what it names and cost no look-up to write. On
    PostgreSQL the table is partitioned by month and its real key is ``(id, created_at)``.
    Hashes are 128 bits under a key of ours, as UUIDs: the compact type of both databases.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    created_at = models.DateTimeField("time")
    request_id = models.CharField(max_length=64)
    user_id = models.UUIDField(null=True)
    key_id = models.CharField("key", max_length=16, blank=True)
    subject_hash = models.UUIDField(null=True)
    version_id = models.BigIntegerField(null=True)
    rollout_id = models.BigIntegerField(null=True)
    arm_id = models.BigIntegerField(null=True)
    pinned = models.BooleanField(default=False)
    shadow = models.BooleanField(default=False)
    text_hash = models.UUIDField(null=True)
    text_length = models.PositiveIntegerField(default=0)
    tokens = models.PositiveIntegerField(default=0)
    windows = models.PositiveSmallIntegerField(default=0)
    unknown_tokens = models.PositiveIntegerField(null=True)
    labels = models.JSONField(default=list)
    top_label = models.CharField(max_length=100, blank=True)
    top_score = models.FloatField(null=True)
    low_confidence = models.BooleanField(default=False)
    # Probabilities as unsigned 16 bit fractions of one, in the order of the version's labels.
    scores = models.BinaryField(null=True)
    valence = models.FloatField(null=True)
    cached = models.BooleanField(default=False)
    queue_ms = models.FloatField(default=0)
    infer_ms = models.FloatField(default=0)
    total_ms = models.FloatField(default=0)
    status = models.PositiveSmallIntegerField(default=200)
    error_code = models.CharField(max_length=50, blank=True)
    network = models.GenericIPAddressField(null=True)
    job_id = models.UUIDField(null=True)
    # Encrypted; null unless TEXT_LOGGING asks for it.
    text = models.BinaryField(null=True)

    objects = PredictionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        # Not "view": nobody gets it with a role.
        permissions = (("read_prediction_text", "Can read kept texts"),)
        # Each serves a filter of the API or of the admin, newest first.
        indexes = (
            models.Index(fields=("created_at",), name="prediction_time"),
            models.Index(fields=("user_id", "created_at"), name="prediction_user"),
            models.Index(fields=("key_id", "created_at"), name="prediction_key"),
            models.Index(fields=("version_id", "created_at"), name="prediction_version"),
            models.Index(fields=("top_label", "created_at"), name="prediction_label"),
            models.Index(
                fields=("subject_hash", "created_at"),
                name="prediction_subject",
                condition=models.Q(subject_hash__isnull=False),
            ),
            models.Index(
                fields=("arm_id", "created_at"),
                name="prediction_arm",
                condition=models.Q(arm_id__isnull=False),
            ),
            models.Index(
                fields=("created_at",),
                name="prediction_unsure",
                condition=models.Q(low_confidence=True),
            ),
            models.Index(
                fields=("created_at",),
                name="prediction_failed",
                condition=~models.Q(error_code=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.id}"


class UsageHour(models.Model):
    """What one user asked of one version with one key in one hour; shadows do not count."""

    hour = models.DateTimeField()
    user_id = models.UUIDField()
    key_id = models.CharField("key", max_length=16, blank=True)
    # 0: of a version that this database does not know.
    version_id = models.BigIntegerField(default=0)
    requests = models.PositiveBigIntegerField(default=0)
    documents = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    cached = models.PositiveBigIntegerField(default=0)
    characters = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("-hour",)
        verbose_name = "hour of use"
        verbose_name_plural = "hours of use"
        constraints = (
            models.UniqueConstraint(
                fields=("user_id", "hour", "key_id", "version_id"), name="usage_hour_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00} {self.key_id or 'session'}"
