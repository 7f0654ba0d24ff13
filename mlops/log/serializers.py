"""What callers ask of the request log, and what they get."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from config.common.serializers import StrictSerializer
from mlops.log.constants import ExportFormat
from mlops.models import LogExport
from mlops.selectors import VersionNotFoundError, version_named

# A page that is rendered in milliseconds.
MAX_LIMIT = 500


class VersionField(serializers.CharField):
    """``NAME:NUMBER`` to the id of the version."""

    def to_internal_value(self, data: Any) -> int:  # type: ignore[override]
        """The id.

        Raises:
            ValidationError: listing the versions there are.
        """
        try:
            return version_named(super().to_internal_value(data)).pk
        except VersionNotFoundError as error:
            raise serializers.ValidationError(str(error), code="does_not_exist") from error


class LabelsField(serializers.CharField):
    """One label or several, with commas."""

    def to_internal_value(self, data: Any) -> list[str]:  # type: ignore[override]
        """The names."""
        return [name.strip() for name in super().to_internal_value(data).split(",")]


class FilterSerializer(StrictSerializer):
    """Which predictions."""

    since = serializers.DateTimeField(required=False, help_text="Default: 31 days ago.")
    until = serializers.DateTimeField(required=False, help_text="Before this time.")
    label = LabelsField(  # type: ignore[assignment]
        required=False, help_text="The strongest label; several with commas."
    )
    version = VersionField(required=False, help_text="`NAME:NUMBER`.")
    subject = serializers.CharField(required=False, help_text="As it was sent.")
    key = serializers.CharField(required=False, help_text="The id of an API key.")
    low_confidence = serializers.BooleanField(required=False)
    failed = serializers.BooleanField(required=False)
    everyone = serializers.BooleanField(
        default=False, help_text="Needs the right to view predictions."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A window that is none would look like an empty log."""
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and since >= until:
            raise serializers.ValidationError({"until": "This must be later than since."})
        return attrs


class ListQuerySerializer(FilterSerializer):
    """Which predictions, and which page of them."""

    cursor = serializers.UUIDField(required=False, help_text="`next` of the page before.")
    limit = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT, default=50)


class DetailQuerySerializer(StrictSerializer):
    """How much of one prediction."""

    text = serializers.BooleanField(
        default=False, help_text="With the text, where it was kept; the reading is audited."
    )


class TimingsMsSerializer(serializers.Serializer[Any]):
    """Milliseconds."""

    queue = serializers.FloatField(source="queue_ms")
    infer = serializers.FloatField(source="infer_ms")
    total = serializers.FloatField(source="total_ms")


class PredictionSerializer(serializers.Serializer[Any]):
    """One row of the log."""

    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    request_id = serializers.CharField()
    user = serializers.UUIDField(source="user_id")
    key = serializers.CharField(source="key_id")
    version = serializers.CharField(source="version_name", allow_null=True)
    rollout = serializers.IntegerField(source="rollout_id", allow_null=True)
    arm = serializers.IntegerField(source="arm_id", allow_null=True)
    pinned = serializers.BooleanField()
    shadow = serializers.BooleanField()
    text_length = serializers.IntegerField()
    tokens = serializers.IntegerField()
    windows = serializers.IntegerField()
    labels = serializers.ListField(child=serializers.CharField())
    top_label = serializers.CharField()
    top_score = serializers.FloatField(allow_null=True)
    low_confidence = serializers.BooleanField()
    valence = serializers.FloatField(allow_null=True)
    cached = serializers.BooleanField()
    timings_ms = TimingsMsSerializer(source="*")
    status = serializers.IntegerField()
    error_code = serializers.CharField()
    network = serializers.CharField(allow_null=True)
    job = serializers.UUIDField(source="job_id", allow_null=True)


class PredictionDetailSerializer(PredictionSerializer):
    """One row with its scores; with its text where that was asked for and kept."""

    scores = serializers.DictField(child=serializers.FloatField(), source="scores_by_label")
    text = serializers.CharField(source="plain_text", required=False)


class PredictionListSerializer(serializers.Serializer[Any]):
    """A page, newest first."""

    predictions = PredictionSerializer(many=True)
    next = serializers.UUIDField(allow_null=True, help_text="The `cursor` of the next page.")


class ExportCreateSerializer(FilterSerializer):
    """Which predictions, in which kind of file."""

    format = serializers.ChoiceField(ExportFormat.choices, default=ExportFormat.CSV)


class ExportSerializer(serializers.ModelSerializer[LogExport]):
    """A file that is being made, or was."""

    class Meta:
        model = LogExport
        fields = (
            *("id", "format", "filters", "status", "rows", "size", "error"),
            *("created_at", "started_at", "finished_at"),
        )
        read_only_fields = fields


class ExportListSerializer(serializers.Serializer[Any]):
    """Yours, newest first."""

    exports = ExportSerializer(many=True)


class UsageQuerySerializer(StrictSerializer):
    """How far back, and how finely."""

    days = serializers.IntegerField(min_value=1, max_value=366, default=30)
    by = serializers.ChoiceField(("day", "hour"), default="day")


class UsageRowSerializer(serializers.Serializer[Any]):
    """One day or hour, key and model. ``key`` is empty for tokens and browser sessions."""

    day = serializers.SerializerMethodField()
    hour = serializers.DateTimeField(source="period")
    key = serializers.CharField(source="key_id")
    model = serializers.CharField()
    requests = serializers.IntegerField()
    documents = serializers.IntegerField()
    failed = serializers.IntegerField()
    cached = serializers.IntegerField()
    characters = serializers.IntegerField()
    tokens = serializers.IntegerField()

    def get_day(self, row: dict[str, Any]) -> str:
        """The day (UTC) of the period."""
        period: datetime = row["period"]
        return period.date().isoformat()


class UsageSerializer(serializers.Serializer[Any]):
    """What was asked in the last days, newest first."""

    since = serializers.DateField()
    documents = serializers.IntegerField()
    usage = UsageRowSerializer(many=True)
