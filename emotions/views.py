"""The emotion API's endpoints: thin, the services do the work."""

from __future__ import annotations

import time

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import documents_admit
from emotions import services
from emotions.calls import failure_raise, request_answer, request_validate, texts_of
from emotions.engine import engine
from emotions.errors import EngineError
from emotions.serializers import (
    AnalyzeRequestSerializer,
    AnalyzeResponseSerializer,
    CurrentModelSerializer,
    LabelsResponseSerializer,
)
from emotions.taxonomy import EKMAN, SENTIMENT, TAXONOMIES
from mlops.inference.classifier import Classifier
from mlops.inference.errors import NotReadyError


class AnalyzeView(APIView):
    """``POST /api/v1/emotions/analyze``."""

    required_scopes = ("emotions:read",)

    @extend_schema(
        operation_id="emotions_analyze",
        request=AnalyzeRequestSerializer,
        responses=AnalyzeResponseSerializer,
        tags=["emotions"],
    )
    def post(self, request: Request) -> Response:
        """The emotions of one text or of up to 100."""
        started = time.perf_counter()
        failure_raise(request)
        options = request_validate(request.data)
        documents_admit(request, texts_of(options))
        body, version = request_answer(request, options, started)
        return Response(body, headers={"X-Model-Version": version})


class LabelsView(APIView):
    """``GET /api/v1/emotions/labels``."""

    required_scopes = ("emotions:read",)

    @extend_schema(
        operation_id="emotions_labels", responses=LabelsResponseSerializer, tags=["emotions"]
    )
    def get(self, request: Request) -> Response:
        """The serving model's labels with their thresholds and groups."""
        manifest = _classifier().manifest
        labels = [
            {
                "label": label,
                "threshold": round(threshold, 4),
                "ekman": _group(EKMAN, label),
                "sentiment": _group(SENTIMENT, label),
            }
            for label, threshold in zip(manifest.product_labels, manifest.thresholds, strict=True)
        ]
        return Response({"labels": labels, "taxonomies": TAXONOMIES})


class CurrentModelView(APIView):
    """``GET /api/v1/models/current``."""

    required_scopes = ("models:read",)

    @extend_schema(operation_id="models_current", responses=CurrentModelSerializer, tags=["models"])
    def get(self, request: Request) -> Response:
        """The model that serves now."""
        classifier = _classifier()
        manifest = classifier.manifest
        body = {
            **services.model_reference(classifier),
            "format": manifest.format,
            "precision": manifest.precision,
            "device": classifier.device,
            "max_length": manifest.max_length,
            "labels": len(manifest.labels),
            "metrics": manifest.metrics,
        }
        return Response(body)


def _classifier() -> Classifier:
    try:
        return engine.classifier
    except NotReadyError as error:
        raise EngineError(error) from error


def _group(groups: object, label: str) -> str | None:
    assert isinstance(groups, dict)
    return next((name for name, members in groups.items() if label in members), None)
