"""What ``/api/v1/models/`` takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.common.serializers import StrictSerializer
from mlops.export.options import MINIMUM_OPSET, OPSET
from mlops.models import ModelJob, ModelVersion


class ModelRegisterSerializer(StrictSerializer):
    """One source: a folder below MODELS_IMPORT_DIR, a repository of the hub, or an archive."""

    folder = serializers.CharField(required=False)
    repository = serializers.CharField(required=False)
    revision = serializers.CharField(required=False, default="")
    archive = serializers.FileField(required=False)
    name = serializers.SlugField(required=False, default="", max_length=100)
    task = serializers.CharField(required=False, default="", max_length=50)
    draft = serializers.BooleanField(required=False, default=False)
    labels = serializers.ListField(child=serializers.CharField(), required=False)
    label_map = serializers.JSONField(required=False, help_text="Its labels to the product's.")
    activation = serializers.ChoiceField(("sigmoid", "softmax"), required=False)
    max_length = serializers.IntegerField(required=False, min_value=8)
    thresholds = serializers.ListField(
        child=serializers.FloatField(min_value=0, max_value=1), required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one source."""
        given = [name for name in ("folder", "repository", "archive") if attrs.get(name)]
        if len(given) != 1:
            raise serializers.ValidationError(
                "Give one source: folder, repository (with revision) or archive."
            )
        return attrs


class ExportSerializer(StrictSerializer):
    """How to export."""

    precision = serializers.ChoiceField(("fp32", "fp16", "int8"), default="int8")
    optimize = serializers.ChoiceField(("none", "O1", "O2", "O3", "O4"), default="none")
    opset = serializers.IntegerField(default=OPSET, min_value=MINIMUM_OPSET)
    exporter = serializers.ChoiceField(("optimum-onnx", "transformers"), default="optimum-onnx")


class EvaluateSerializer(StrictSerializer):
    """On what."""

    dataset = serializers.CharField(help_text="NAME or NAME:SPLIT of a registered data set.")


class PromoteSerializer(StrictSerializer):
    """Why, and whether against the gates."""

    reason = serializers.CharField(required=False, default="", max_length=500)
    force = serializers.BooleanField(required=False, default=False)


class VersionReasonSerializer(StrictSerializer):
    """Why."""

    reason = serializers.CharField(required=False, default="", max_length=500)


class AliasSerializer(StrictSerializer):
    """A name that moves."""

    name = serializers.SlugField(max_length=50)


class CompareQuerySerializer(StrictSerializer):
    """Which two, on what."""

    candidate = serializers.CharField(help_text="NAME:NUMBER or NAME@ALIAS.")
    champion = serializers.CharField(help_text="NAME:NUMBER or NAME@ALIAS.")
    dataset = serializers.CharField(required=False, help_text="Default: the reference.")


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """One version."""

    version = serializers.CharField(source="name")
    model = serializers.CharField(source="model.name")
    task = serializers.CharField(source="model.task")
    parent = serializers.CharField(source="parent.name", default=None)  # type: ignore[assignment]
    labels = serializers.ListField(child=serializers.CharField())
    label_map = serializers.DictField(child=serializers.CharField())
    activation = serializers.CharField(source="manifest.activation")
    max_length = serializers.IntegerField(source="manifest.max_length")
    aliases = serializers.SlugRelatedField[Any]("name", many=True, read_only=True)
    report = serializers.DictField()
    cascade = serializers.DictField(
        allow_null=True, help_text="A cascade's two versions, share and bound; null for others."
    )

    class Meta:
        model = ModelVersion
        fields = (
            *("version", "model", "number", "task", "status", "failure", "aliases", "parent"),
            *("source", "format", "precision", "devices", "activation", "max_length", "labels"),
            *("label_map", "digest", "size", "cascade", "report", "promoted_at", "created_at"),
        )


class VersionListSerializer(serializers.Serializer[Any]):
    """Versions, newest first."""

    versions = VersionSerializer(many=True)


class JobSerializer(serializers.ModelSerializer[ModelJob]):
    """A piece of long work."""

    version = serializers.CharField(source="version.name", default=None)
    result = serializers.CharField(source="result.name", default=None)
    evaluation = serializers.DictField(source="evaluation.result", default=None)

    class Meta:
        model = ModelJob
        fields = (
            *("id", "kind", "status", "progress", "message", "log", "error_code", "error"),
            *("version", "result", "evaluation", "created_at", "started_at", "finished_at"),
        )


class ComparisonSerializer(serializers.Serializer[Any]):
    """The difference of each figure, with its interval, and of each label."""

    candidate = serializers.CharField()
    champion = serializers.CharField()
    data = serializers.CharField()  # type: ignore[assignment]
    texts = serializers.IntegerField()
    labels_compared = serializers.IntegerField()
    level = serializers.FloatField()
    figures = serializers.DictField(child=serializers.DictField(child=serializers.FloatField()))
    intervals = serializers.DictField(child=serializers.ListField(child=serializers.FloatField()))
    decisions_changed = serializers.FloatField()
    labels = serializers.ListField(child=serializers.DictField())
    latency_p95_ratio = serializers.FloatField(allow_null=True)
    latency_interleaved = serializers.BooleanField()
    size_ratio = serializers.FloatField()
