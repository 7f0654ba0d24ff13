"""Rollouts, their arms and what happened to them; feedback on answers."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from mlops.models.registry import ModelVersion
from mlops.rollouts.constants import Mode, RolloutAction, RolloutState, Unit

_SHARE = (MinValueValidator(0.0), MaxValueValidator(1.0))


def salt_default() -> str:
    """A salt of its own for each rollout: two of them split their subjects independently."""
    return secrets.token_hex(8)


class Rollout(models.Model):
    """Several versions side by side on the same callers."""

    name = models.SlugField(max_length=100, unique=True)
    state = models.CharField(
        max_length=20, choices=RolloutState, default=RolloutState.DRAFT, editable=False
    )
    unit = models.CharField(
        max_length=20, choices=Unit, default=Unit.SUBJECT, help_text="What stays in one arm."
    )
    salt = models.CharField(max_length=40, default=salt_default, editable=False)
    schedule = models.JSONField(
        default=list,
        blank=True,
        help_text='Steps of the ramp: [{"share": 0.01, "minutes": 60}, ...].',
    )
    step = models.PositiveSmallIntegerField(default=0, editable=False)
    error_margin = models.FloatField(
        default=0.02,
        validators=_SHARE,
        help_text="An arm may fail by this much more often than the champion.",
    )
    min_errors = models.PositiveSmallIntegerField(
        default=5,
        validators=(MinValueValidator(1),),
        help_text="Fewer failures than this stop no arm.",
    )
    p95_ratio = models.FloatField(
        default=2.0,
        validators=(MinValueValidator(1.0),),
        help_text="An arm's 95th percentile of latency over the champion's, at most.",
    )
    low_confidence_margin = models.FloatField(
        default=0.2,
        validators=_SHARE,
        help_text="An arm may answer without any label by this much more often.",
    )
    shift_limit = models.FloatField(
        default=0.3,
        validators=_SHARE,
        help_text="Share of answers that may have another strongest label than the champion's.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    winner = models.ForeignKey(
        "Arm", on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, editable=False)
    # Since when the weights are as they are: arms are compared over this time only, because a
    # ramp mixes hours of different traffic in different proportions.
    stage_at = models.DateTimeField(null=True, editable=False)
    concluded_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                condition=Q(state=RolloutState.DRAFT) | Q(started_at__isnull=False),
                name="rollout_started",
            ),
            models.CheckConstraint(
                condition=~Q(state=RolloutState.CONCLUDED) | Q(concluded_at__isnull=False),
                name="rollout_concluded",
            ),
        )

    def __str__(self) -> str:
        return self.name


class RolloutScope(models.Model):
    """Whom a rollout is for: everyone, a tier or a key."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="scopes")
    scope = models.CharField(max_length=80)
    running = models.BooleanField(default=False, editable=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("rollout", "scope"), name="rollout_scope_unique"),
            # One rollout runs in a scope; the database refuses a second.
            models.UniqueConstraint(
                fields=("scope",), condition=Q(running=True), name="rollout_scope_running_unique"
            ),
        )

    def __str__(self) -> str:
        return self.scope


class Arm(models.Model):
    """A version with a weight (live) or with the share of requests that it sees (shadow)."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="arms")
    # Goes into the hash that assigns subjects, so it must not change.
    name = models.SlugField(max_length=50)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="arms")
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.LIVE)
    weight = models.FloatField(validators=(MinValueValidator(0.0),))
    champion = models.BooleanField(default=False)
    label_map = models.JSONField(
        null=True, blank=True, help_text="The champion's label for each of this version's."
    )
    paused_at = models.DateTimeField(null=True, editable=False)
    pause_reason = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        ordering = ("rollout", "-champion", "mode", "pk")
        constraints = (
            models.UniqueConstraint(fields=("rollout", "name"), name="arm_name_unique"),
            models.UniqueConstraint(
                fields=("rollout",), condition=Q(champion=True), name="arm_champion_unique"
            ),
            models.CheckConstraint(condition=Q(weight__gte=0), name="arm_weight_not_negative"),
            models.CheckConstraint(
                condition=Q(mode=Mode.LIVE) | Q(weight__lte=1), name="arm_shadow_share"
            ),
            models.CheckConstraint(
                condition=Q(champion=False) | Q(mode=Mode.LIVE, paused_at__isnull=True),
                name="arm_champion_live",
            ),
        )

    def __str__(self) -> str:
        return f"{self.rollout}/{self.name}"


class RolloutEvent(models.Model):
    """Who did what to a rollout, and why; without an actor a guardrail or the schedule did."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="events")
    arm = models.ForeignKey(Arm, on_delete=models.CASCADE, null=True, related_name="events")
    action = models.CharField(max_length=20, choices=RolloutAction)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    detail = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.rollout} {self.action}"


class Feedback(models.Model):
    """What a caller thinks of one answer; arm and version are those that gave it."""

    prediction_id = models.UUIDField()
    predicted_at = models.DateTimeField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="feedback"
    )
    key_id = models.CharField("key", max_length=16, blank=True)
    version_id = models.BigIntegerField(null=True)
    rollout_id = models.BigIntegerField(null=True)
    arm_id = models.BigIntegerField(null=True)
    subject_hash = models.UUIDField(null=True)
    # Null where somebody only said yes or no.
    labels = models.JSONField(null=True)
    agrees = models.BooleanField()
    weight = models.FloatField(default=1.0)
    comment = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "feedback"
        indexes = (models.Index(fields=("arm_id", "predicted_at"), name="feedback_arm"),)
        constraints = (
            models.UniqueConstraint(fields=("prediction_id", "user"), name="feedback_unique"),
            models.CheckConstraint(
                condition=Q(weight__gt=0) & Q(weight__lte=100), name="feedback_weight"
            ),
        )

    def __str__(self) -> str:
        return f"{self.prediction_id} {'+' if self.agrees else '-'}"
