"""``/api/v1/predictions/`` and ``/api/v1/me/usage/``: thin, selectors and services do the work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import user_of
from config.common.serializers import validated
from mlops.log import exports, selectors, serializers
from mlops.log.privacy import text_read
from mlops.models import LogExport, Prediction
from mlops.views import as_api_errors


class PredictionsView(APIView):
    """``GET /api/v1/predictions/``."""

    required_scopes = ("logs:read",)

    @extend_schema(
        operation_id="predictions_list",
        parameters=[serializers.ListQuerySerializer],
        responses=serializers.PredictionListSerializer,
        tags=["predictions"],
    )
    def get(self, request: Request) -> Response:
        """Your predictions, newest first; a second or two behind."""
        query = validated(serializers.ListQuerySerializer, request.query_params.dict())
        user = user_of(request)
        rows = selectors.predictions_filtered(
            selectors.predictions_visible(user=user, everyone=query["everyone"]),
            user_id=user.pk,
            filters=query,
        )
        if "cursor" in query:
            rows = rows.before(query["cursor"])
        # One more than asked for tells whether there is a next page.
        found = list(rows.defer("scores", "text")[: query["limit"] + 1])
        page = found[: query["limit"]]
        body = {
            "predictions": serializers.PredictionSerializer(_named(page), many=True).data,
            "next": page[-1].pk if len(found) > len(page) else None,
        }
        return Response(body)


class PredictionView(APIView):
    """``GET /api/v1/predictions/<id>/``."""

    required_scopes = ("logs:read",)

    @extend_schema(
        operation_id="predictions_retrieve",
        parameters=[serializers.DetailQuerySerializer],
        responses=serializers.PredictionDetailSerializer,
        tags=["predictions"],
    )
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """One prediction with all its scores; a second or two after its answer."""
        query = validated(serializers.DetailQuerySerializer, request.query_params.dict())
        user = user_of(request)
        row: Any = selectors.prediction_get(user=user, key=prediction_id)
        _named([row])
        row.scores_by_label = selectors.prediction_scores(row, row.version)
        if query["text"]:
            row.plain_text = text_read(row=row, actor=user, request=request)
        return Response(serializers.PredictionDetailSerializer(row).data)


class ExportsView(APIView):
    """``/api/v1/predictions/exports/``."""

    required_scopes = ("logs:read",)

    @extend_schema(
        operation_id="predictions_exports_list",
        responses=serializers.ExportListSerializer,
        tags=["predictions"],
    )
    def get(self, request: Request) -> Response:
        """Your exports."""
        rows = LogExport.objects.filter(user=user_of(request))[:100]
        return Response({"exports": serializers.ExportSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="predictions_exports_create",
        request=serializers.ExportCreateSerializer,
        responses={202: serializers.ExportSerializer},
        tags=["predictions"],
    )
    def post(self, request: Request) -> Response:
        """Have a CSV or Parquet file of predictions made in the background."""
        filters = validated(serializers.ExportCreateSerializer, request.data)
        kind = filters.pop("format")
        with as_api_errors():
            export = exports.export_create(user=user_of(request), kind=kind, filters=filters)
        return Response(serializers.ExportSerializer(export).data, status.HTTP_202_ACCEPTED)


class ExportView(APIView):
    """``GET /api/v1/predictions/exports/<id>/``."""

    required_scopes = ("logs:read",)

    @extend_schema(
        operation_id="predictions_exports_retrieve",
        responses=serializers.ExportSerializer,
        tags=["predictions"],
    )
    def get(self, request: Request, export_id: UUID) -> Response:
        """How far an export of yours is."""
        return Response(serializers.ExportSerializer(_export(request, export_id)).data)


class ExportFileView(APIView):
    """``GET /api/v1/predictions/exports/<id>/file/``."""

    required_scopes = ("logs:read",)

    @extend_schema(
        operation_id="predictions_exports_file",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        tags=["predictions"],
    )
    def get(self, request: Request, export_id: UUID) -> FileResponse:
        """The file, once it is done."""
        export = _export(request, export_id)
        if not export.path or not default_storage.exists(export.path):
            raise Http404
        name = f"predictions-{export.created_at:%Y%m%d-%H%M}.{export.format}"
        return FileResponse(default_storage.open(export.path), as_attachment=True, filename=name)


class UsageView(APIView):
    """``GET /api/v1/me/usage/``."""

    @extend_schema(
        operation_id="me_usage",
        parameters=[serializers.UsageQuerySerializer],
        responses=serializers.UsageSerializer,
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        """What you asked by day or hour, key and model; a second or two behind."""
        query = validated(serializers.UsageQuerySerializer, request.query_params.dict())
        day = datetime.now(UTC).date() - timedelta(days=query["days"] - 1)
        since = datetime.combine(day, time(), UTC)
        rows = selectors.usage_by_period(user=user_of(request), since=since, period=query["by"])
        body = {
            "since": day,
            "documents": sum(row["documents"] for row in rows),
            "usage": serializers.UsageRowSerializer(rows, many=True).data,
        }
        return Response(body)


def _named(rows: Sequence[Prediction]) -> Sequence[Any]:
    """*rows* with the names of their versions."""
    versions = selectors.versions_by_id(row.version_id for row in rows)
    named: Sequence[Any] = rows
    for row in named:
        row.version = versions.get(row.version_id)
        row.version_name = selectors.version_label(row.version)
    return named


def _export(request: Request, export_id: UUID) -> LogExport:
    export = LogExport.objects.filter(user=user_of(request), pk=export_id).first()
    if export is None:
        raise Http404
    return export
