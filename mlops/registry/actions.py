"""``POST /api/v1/models/<name>/<number>/<action>/``: a class for each action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import user_of
from config.common.serializers import StrictSerializer, validated
from mlops.constants import JobKind
from mlops.export.options import ExportOptions
from mlops.models import ModelVersion
from mlops.registry import serializers
from mlops.registry.errors import as_api_errors
from mlops.registry.views import (
    RegistryView,
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

_Post = TypeVar("_Post", bound=Callable[..., Response])


def _schema(
    name: str, body: type[StrictSerializer] | None, *, job: bool = False
) -> Callable[[_Post], _Post]:
    answer = {202: serializers.JobSerializer} if job else serializers.VersionSerializer
    return extend_schema(
        operation_id=f"models_{name}", request=body, responses=answer, tags=["models"]
    )


class ActionView(RegistryView):
    """Validates the body and calls a service with the version, the body and who asks."""

    def act(self, request: Request, version: ModelVersion, body: Any, service: Any) -> Response:
        """The version that the service returns, as it is now."""
        data = validated(body, request.data)
        with as_api_errors():
            return answered(service(version=version, actor=user_of(request), **data))


class PromoteView(ActionView):
    """``POST .../promote/``."""

    @_schema("promote", serializers.PromoteSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Have a version serve, if the promotion gates let it."""
        body = serializers.PromoteSerializer
        return self.act(request, version_of(name, number), body, version_promote)


class RollbackView(ActionView):
    """``POST .../rollback/``."""

    @_schema("rollback", serializers.VersionReasonSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Have serve again what served before this version; answers that one."""
        body = serializers.VersionReasonSerializer
        return self.act(request, version_of(name, number), body, version_rollback)


class ValidateView(ActionView):
    """``POST .../validate/``."""

    @_schema("validate", None)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Say that a draft may be promoted."""
        version = version_of(name, number)
        return self.act(request, version, StrictSerializer, version_validate)


class ArchiveView(ActionView):
    """``POST .../archive/``."""

    @_schema("archive", serializers.VersionReasonSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Take a version out of use; its files stay."""
        body = serializers.VersionReasonSerializer
        return self.act(request, version_of(name, number), body, version_archive)


class RestoreView(ActionView):
    """``POST .../restore/``."""

    @_schema("restore", serializers.VersionReasonSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Bring an archived version back."""
        body = serializers.VersionReasonSerializer
        return self.act(request, version_of(name, number), body, version_restore)


class AliasView(ActionView):
    """``POST .../alias/``."""

    @_schema("alias", serializers.AliasSerializer)
    def post(self, request: Request, name: str, number: int) -> Response:
        """Point an alias of the model to this version."""
        version = version_of(name, number)
        data = validated(serializers.AliasSerializer, request.data)
        with as_api_errors():
            alias_set(version=version, actor=user_of(request), **data)
        return answered(version)


class ExportView(ActionView):
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


class EvaluateView(ActionView):
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
