"""The shapes of answers about rollouts, for the API's description."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class _ArmSerializer(serializers.Serializer[Any]):
    """An arm."""

    name = serializers.CharField()
    version = serializers.CharField()
    digest = serializers.CharField()
    mode = serializers.CharField()
    champion = serializers.BooleanField()
    weight = serializers.FloatField()
    share = serializers.FloatField(help_text="Of the subjects; of a shadow, of the requests.")
    paused_at = serializers.DateTimeField(allow_null=True)
    pause_reason = serializers.CharField()

    class Meta:
        ref_name = "RolloutArm"


class RolloutSerializer(serializers.Serializer[Any]):
    """A rollout."""

    name = serializers.CharField()
    state = serializers.CharField()
    unit = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    schedule = serializers.ListField(child=serializers.DictField())
    step = serializers.IntegerField()
    guardrails = serializers.DictField()
    arms = _ArmSerializer(many=True)
    winner = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    stage_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when the weights are as they are."
    )
    concluded_at = serializers.DateTimeField(allow_null=True)


class RolloutListSerializer(serializers.Serializer[Any]):
    """Rollouts, newest first."""

    rollouts = RolloutSerializer(many=True)


class RatioCheckSerializer(serializers.Serializer[Any]):
    """Subjects seen in each live arm against those expected by the weights."""

    observed = serializers.ListField(child=serializers.IntegerField())
    expected = serializers.ListField(child=serializers.FloatField())
    chi_square = serializers.FloatField()
    p_value = serializers.FloatField()
    enough = serializers.BooleanField()
    mismatch = serializers.BooleanField(help_text="True: no comparison means anything.")


class ArmReportSerializer(serializers.Serializer[Any]):
    """The figures of one arm."""

    arm = serializers.CharField()
    requests = serializers.IntegerField()
    subjects = serializers.IntegerField()
    error_rate = serializers.FloatField(allow_null=True)
    low_confidence = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    feedback = serializers.IntegerField()
    agreement = serializers.FloatField(allow_null=True)
    latency_ms = serializers.DictField()
    labels = serializers.DictField(child=serializers.FloatField())
    against_champion = serializers.DictField(
        allow_null=True, help_text="Differences with intervals that hold however often one looks."
    )
    paired = serializers.DictField(allow_null=True, help_text="Of shadows: on the same texts.")


class ReportSerializer(serializers.Serializer[Any]):
    """What is known of a rollout since its weights last changed."""

    since = serializers.DateTimeField(allow_null=True)
    srm = RatioCheckSerializer(allow_null=True)
    verdicts = serializers.ListField(child=serializers.CharField())
    arms = ArmReportSerializer(many=True)


class FeedbackKeptSerializer(serializers.Serializer[Any]):
    """What was kept."""

    id = serializers.IntegerField()
    prediction = serializers.UUIDField()
    agrees = serializers.BooleanField()
    labels = serializers.ListField(child=serializers.CharField(), allow_null=True)
    weight = serializers.FloatField()
    comment = serializers.CharField()
    created_at = serializers.DateTimeField()


ROLLOUT, ROLLOUTS = RolloutSerializer, RolloutListSerializer
REPORT, FEEDBACK = ReportSerializer, FeedbackKeptSerializer
