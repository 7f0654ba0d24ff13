"""``/api/v1/models/``: thin, the services do the work. Long work answers 202 with its job."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import user_of
from config.common.json import JsonParser
from config.common.serializers import validated
from mlops.constants import JobKind
from mlops.inference.hub import revision_check
from mlops.models import ModelJob, ModelVersion
from mlops.registry import serializers
from mlops.selectors import (
    dataset_named,
    dataset_reference,
    evaluation_latest,
    version_named,
    versions_visible,
)
from mlops.services import versions
from mlops.services.evaluations import ComparisonError, evaluations_compare
from mlops.services.jobs import job_create
from mlops.services.registration import Registration, import_folder, overrides_parse
from mlops.services.uploads import upload_check, upload_keep
from mlops.views import OperationsView, as_api_errors


class ModelsView(OperationsView):
    """``/api/v1/models/``."""

    parser_classes = (JsonParser, MultiPartParser)

    @extend_schema(
        operation_id="models_list", responses=serializers.VersionListSerializer, tags=["models"]
    )
    def get(self, request: Request) -> Response:
        """All versions, newest first."""
        rows = versions_visible().prefetch_related("aliases")
        return Response({"versions": serializers.VersionSerializer(rows, many=True).data})

    @extend_schema(
        operation_id="models_register",
        request={
            "application/json": serializers.ModelRegisterSerializer,
            "multipart/form-data": serializers.ModelRegisterSerializer,
        },
        responses={202: serializers.JobSerializer},
        tags=["models"],
    )
    def post(self, request: Request) -> Response:
        """Register a model; the job says when it is there, or what is wrong with it."""
        with as_api_errors():
            upload_check(request)
            data = validated(serializers.ModelRegisterSerializer, request.data)
            registration = _registration(data)
        job = job_create(
            kind=JobKind.REGISTER, parameters=asdict(registration), actor=user_of(request)
        )
        return accepted(job)


class VersionView(OperationsView):
    """``/api/v1/models/<name>/<number>/``."""

    @extend_schema(
        operation_id="models_read", responses=serializers.VersionSerializer, tags=["models"]
    )
    def get(self, request: Request, name: str, number: int) -> Response:
        """One version."""
        return answered(version_of(name, number))

    @extend_schema(
        operation_id="models_delete", request=None, responses={204: None}, tags=["models"]
    )
    def delete(self, request: Request, name: str, number: int) -> Response:
        """Free the files of a version that does not serve; its row and events stay."""
        with as_api_errors():
            versions.version_delete(version=version_of(name, number), actor=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class JobView(OperationsView):
    """``GET /api/v1/models/jobs/<id>/``."""

    @extend_schema(operation_id="models_job", responses=serializers.JobSerializer, tags=["models"])
    def get(self, request: Request, job_id: int) -> Response:
        """How far a registration, export or evaluation is, and what came of it."""
        rows = ModelJob.objects.select_related("version__model", "result__model", "evaluation")
        return Response(serializers.JobSerializer(get_object_or_404(rows, pk=job_id)).data)


class CompareView(OperationsView):
    """``GET /api/v1/models/compare/``."""

    @extend_schema(
        operation_id="models_compare",
        parameters=[serializers.CompareQuerySerializer],
        responses=serializers.ComparisonSerializer,
        tags=["models"],
    )
    def get(self, request: Request) -> Response:
        """Two evaluated versions on the same rows, with intervals of the difference."""
        query = validated(serializers.CompareQuerySerializer, request.query_params.dict())
        with as_api_errors():
            name = query.get("dataset")
            dataset = dataset_named(name) if name else dataset_reference()
            if dataset is None:
                raise ComparisonError("no data set is registered")
            pair = [version_named(query[side]) for side in ("candidate", "champion")]
            found = [evaluation_latest(version, dataset) for version in pair]
            for version, evaluation in zip(pair, found, strict=True):
                if evaluation is None:
                    raise ComparisonError(f"{version} is not evaluated on {dataset} yet")
            candidate, champion = found
            assert candidate is not None
            assert champion is not None
            return Response(evaluations_compare(candidate=candidate, champion=champion))


def _registration(data: dict[str, Any]) -> Registration:
    if data.get("repository"):
        revision_check(data["repository"], data["revision"])
    archive, folder = data.get("archive"), data.get("folder")
    if folder:
        source = str(import_folder(folder))
    else:
        source = data["archive"].name if archive else data["repository"]
    names = ("labels", "label_map", "activation", "max_length", "thresholds")
    return Registration(
        source=source,
        name=data["name"],
        revision=data["revision"] if data.get("repository") else "",
        upload=upload_keep(archive) if archive else "",
        task=data["task"],
        draft=data["draft"],
        overrides=overrides_parse({name: data.get(name) for name in names}),
    )


def version_of(name: str, number: int) -> ModelVersion:
    """The version that a URL names."""
    version = versions_visible().filter(model__name=name, number=number).first()
    if version is None:
        raise Http404(f"There is no version {name}:{number}.")
    return version


def accepted(job: ModelJob) -> Response:
    """202, and where to look."""
    headers = {"Location": f"/api/v1/models/jobs/{job.pk}/"}
    return Response(serializers.JobSerializer(job).data, status.HTTP_202_ACCEPTED, headers=headers)


def answered(version: ModelVersion) -> Response:
    """The version as it is now."""
    return Response(
        serializers.VersionSerializer(version_of(version.model.name, version.number)).data
    )
