"""What callers may send about rollouts and feedback."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.common.serializers import StrictSerializer
from mlops.rollouts.constants import EVERYONE, Mode, Unit
from mlops.rollouts.presentation import LIMITS

# What nobody's right labels exceed.
MAX_LABELS = 100


class ArmSerializer(StrictSerializer):
    """One arm of a new rollout."""

    name = serializers.SlugField(max_length=50)
    version = serializers.CharField(max_length=200, help_text="`NAME` or `NAME:NUMBER`.")
    weight = serializers.FloatField(help_text="Of a live arm; of a shadow the share it sees.")
    mode = serializers.ChoiceField(Mode.choices, default=Mode.LIVE)
    champion = serializers.BooleanField(default=False)
    label_map = serializers.DictField(
        child=serializers.CharField(allow_null=True),
        required=False,
        help_text="The champion's label, or null, for each label of the version.",
    )


class StepSerializer(StrictSerializer):
    """A step of the ramp."""

    share = serializers.FloatField()
    minutes = serializers.FloatField()


class GuardrailsSerializer(StrictSerializer):
    """When an arm is stopped; what is left out has its default."""

    error_margin = serializers.FloatField(required=False)
    min_errors = serializers.IntegerField(required=False)
    p95_ratio = serializers.FloatField(required=False)
    low_confidence_margin = serializers.FloatField(required=False)
    shift_limit = serializers.FloatField(required=False)


assert set(GuardrailsSerializer().fields) == set(LIMITS)


class RolloutCreateSerializer(StrictSerializer):
    """A new rollout, as a draft."""

    name = serializers.SlugField(max_length=100)
    unit = serializers.ChoiceField(Unit.choices, default=Unit.SUBJECT)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=80), default=lambda: [EVERYONE]
    )
    schedule = StepSerializer(many=True, default=list)
    guardrails = GuardrailsSerializer(default=dict)
    arms = ArmSerializer(many=True)


class ReasonSerializer(StrictSerializer):
    """Why; kept with the event."""

    reason = serializers.CharField(max_length=500, default="", allow_blank=True)


class ArmReasonSerializer(ReasonSerializer):
    """One arm, or the whole rollout."""

    arm = serializers.CharField(max_length=50, default="", help_text="Without it: the rollout.")


class RampSerializer(ReasonSerializer):
    """A new share for one arm."""

    arm = serializers.CharField(max_length=50)
    share = serializers.FloatField(help_text="0 to below 1; of a shadow up to 1.")


class ConcludeSerializer(ReasonSerializer):
    """How it ended."""

    winner = serializers.CharField(
        max_length=50, default="", help_text="The arm whose version is promoted; empty: none."
    )


class PinSerializer(StrictSerializer):
    """The version of a key."""

    model = serializers.CharField(
        max_length=200,
        allow_blank=True,
        help_text="`NAME`, `NAME:NUMBER` or `NAME@ALIAS`; empty: as everybody.",
    )


class PlanQuerySerializer(StrictSerializer):
    """What a comparison should be able to find."""

    baseline = serializers.FloatField(help_text="The champion's rate, 0 to 1.")
    effect = serializers.FloatField(help_text="The difference worth finding, e.g. 0.02.")
    power = serializers.FloatField(default=0.8)
    share = serializers.FloatField(default=0.5, help_text="Of the challenger.")
    outcome = serializers.ChoiceField(("agreement", "answers"), default="agreement")


class PlanSerializer(serializers.Serializer[Any]):
    """What it takes."""

    champion = serializers.IntegerField(help_text="Answers with an outcome in this arm.")
    challenger = serializers.IntegerField()
    per_day = serializers.IntegerField(help_text="Such answers in the last 24 hours.")
    days = serializers.FloatField(allow_null=True)


class FeedbackSerializer(StrictSerializer):
    """What you think of one of your predictions."""

    prediction = serializers.UUIDField(help_text="The `id` of a result.")
    labels = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=MAX_LABELS,
        help_text="The right labels; empty if none applies.",
    )
    thumbs = serializers.ChoiceField(("up", "down"), required=False)
    weight = serializers.FloatField(
        default=1.0, min_value=0.01, max_value=100.0, help_text="How much this opinion counts."
    )
    comment = serializers.CharField(max_length=1000, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of ``labels`` and ``thumbs``."""
        if ("labels" in attrs) == ("thumbs" in attrs):
            code = "mutually_exclusive" if "labels" in attrs else "required"
            detail = serializers.ErrorDetail("Send either labels or thumbs.", code=code)
            raise serializers.ValidationError({"labels": detail})
        return attrs
