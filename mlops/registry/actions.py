"""``POST /api/v1/models/<name>/<number>/<action>/``: a class for each action."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import user_of
from config.common.serializers import StrictSerializer, validated
from mlops.constants import JobKind
from mlops.export.options import ExportOptions
from mlops.registry import serializers
from mlops.registry.views import (
    accepted,
    answered,
    version_of,
)
from mlops.selectors import dataset_named
from mlops.services.export import export_check
from mlops.services.jobs import job_create
from mlops.services.versions import (
    alias_set,
    version_archive,
    version_promote,
    version_restore,
    version_rollback,
    version_validate,
)
from mlops.views import OperationsView, as_api_errors, service_call

_Post = TypeVar("_Post", bound=Callable[..., Response])


def _schema(
    name: str, body: type[StrictSerializer] | None, *, job: bool = False
) -> Callable[[_Post], _Post]:
    answer = {202: serializers.JobSerializer} if job else serializers.VersionSerializer
    return extend_schema(
        operation_id=f"models_{name}", request=body, responses=answer, tags=["models"]
    )


class PromoteView(OperationsView):
    """``POST .../promote/``."""

    @_schema("promote", serializers.PromoteSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Have a version serve, if the promotion gates let it."""
        version, body = version_of(name, number), serializers.PromoteSerializer
        return answered(service_call(request, version_promote, body, version=version))


class RollbackView(OperationsView):
    """``POST .../rollback/``."""

    @_schema("rollback", serializers.VersionReasonSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Have serve again what served before this version; answers that one."""
        version, body = version_of(name, number), serializers.VersionReasonSerializer
        return answered(service_call(request, version_rollback, body, version=version))


class ValidateView(OperationsView):
    """``POST .../validate/``."""

    @_schema("validate", None)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Say that a draft may be promoted."""
        version = version_of(name, number)
        return answered(service_call(request, version_validate, StrictSerializer, version=version))


class ArchiveView(OperationsView):
    """``POST .../archive/``."""

    @_schema("archive", serializers.VersionReasonSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Take a version out of use; its files stay."""
        version, body = version_of(name, number), serializers.VersionReasonSerializer
        return answered(service_call(request, version_archive, body, version=version))


class RestoreView(OperationsView):
    """``POST .../restore/``."""

    @_schema("restore", serializers.VersionReasonSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Bring an archived version back."""
        version, body = version_of(name, number), serializers.VersionReasonSerializer
        return answered(service_call(request, version_restore, body, version=version))


class AliasView(OperationsView):
    """``POST .../alias/``."""

    @_schema("alias", serializers.AliasSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Point an alias of the model to this version."""
        version = version_of(name, number)
        service_call(request, alias_set, serializers.AliasSerializer, version=version)
        return answered(version)


class ExportView(OperationsView):
    """``POST .../export/``."""

    @_schema("export", serializers.ExportSerializer, job=True)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Export a version to ONNX; the job leads to the child and its parity report."""
        version = version_of(name, number)
        data = validated(serializers.ExportSerializer, request.data)
        with as_api_errors():
            ExportOptions(**data)
            export_check(version=version)
        return accepted(
            job_create(
                kind=JobKind.EXPORT, parameters=data, version=version, actor=user_of(request)
            )
        )


class EvaluateView(OperationsView):
    """``POST .../evaluate/``."""

    @_schema("evaluate", serializers.EvaluateSerializer, job=True)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Measure a version on a registered data set."""
        version = version_of(name, number)
        data = validated(serializers.EvaluateSerializer, request.data)
        with as_api_errors():
            parameters = {"dataset": dataset_named(data["dataset"]).pk}
        return accepted(
            job_create(
                kind=JobKind.EVALUATE,
                parameters=parameters,
                version=version,
                actor=user_of(request),
            )
        )
