"""Models and versions in the admin."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from mlops.constants import Format
from mlops.inference.errors import ArtifactError
from mlops.models import Evaluation, Model, ModelEvent, ModelVersion
from mlops.selectors import VersionNotFoundError
from mlops.services.versions import IllegalTransitionError, version_promote, version_rollback


class ReadOnlyAdmin:
    """Rows that services write and people only read."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Registered, not typed in."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """What an artifact is, its manifest says."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """History stays."""
        return False


@admin.register(Model)
class ModelAdmin(ReadOnlyAdmin, admin.ModelAdmin[Model]):
    """The lines of versions."""

    list_display = ("name", "created_at")
    search_fields = ("name",)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin, admin.ModelAdmin[ModelVersion]):
    """Versions with their formats and state; exports run in the background."""

    list_display = (
        "__str__",
        "status",
        "format",
        "precision",
        "megabytes",
        "short_digest",
        "created_at",
    )
    list_filter = ("status", "format", "precision", "model")
    list_select_related = ("model", "parent__model")
    search_fields = ("model__name", "digest")
    actions = ("export_int8", "export_fp32", "promote", "roll_back")

    def has_export_permission(self, request: HttpRequest) -> bool:
        """An export adds a version."""
        return request.user.has_perm("mlops.add_modelversion")

    def has_promote_permission(self, request: HttpRequest) -> bool:
        """A promotion changes what users get."""
        return request.user.has_perm("mlops.change_modelversion")

    @admin.display(description="size", ordering="size")
    def megabytes(self, version: ModelVersion) -> str:
        """The size for people."""
        return filesizeformat(version.size)

    @admin.display(description="digest")
    def short_digest(self, version: ModelVersion) -> str:
        """Enough of the digest to tell versions apart."""
        return version.digest[:12]

    @admin.action(description="Export to ONNX int8 (in the background)", permissions=["export"])
    def export_int8(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        """The fastest format on a CPU."""
        self._export(request, queryset, "int8")

    @admin.action(description="Export to ONNX fp32 (in the background)", permissions=["export"])
    def export_fp32(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        """The reference for every other export."""
        self._export(request, queryset, "fp32")

    @admin.action(description="Promote (serve this version)", permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        """Put the one selected version live."""
        self._change(request, queryset, version_promote)

    @admin.action(description="Roll back (serve the version before)", permissions=["promote"])
    def roll_back(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        """Serve again what served before the selected version."""
        self._change(request, queryset, version_rollback)

    def _change(
        self,
        request: HttpRequest,
        queryset: QuerySet[ModelVersion],
        service: Callable[..., ModelVersion],
    ) -> None:
        if len(queryset) != 1:
            self.message_user(request, "Select one version.", messages.ERROR)
            return
        try:
            serving = service(version=queryset[0], actor=request.user)
        except (ArtifactError, IllegalTransitionError, VersionNotFoundError) as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.message_user(request, f"{serving} serves now.", messages.SUCCESS)

    def _export(
        self, request: HttpRequest, queryset: QuerySet[ModelVersion], precision: str
    ) -> None:
        from mlops.tasks import version_export_task  # Celery is not needed to serve requests

        exportable = queryset.filter(format=Format.SAFETENSORS)
        skipped = queryset.count() - exportable.count()
        for version in exportable:
            transaction.on_commit(
                lambda pk=version.pk: version_export_task.delay(pk, precision)  # type: ignore[misc]
            )
        if exportable:
            self.message_user(request, f"{len(exportable)} exports were queued.", messages.SUCCESS)
        if skipped:
            self.message_user(
                request,
                f"{skipped} versions are ONNX already; export their parent.",
                messages.ERROR,
            )


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin, admin.ModelAdmin[Evaluation]):
    """Figures of versions on labelled files."""

    list_display = (
        "version",
        "data_name",
        "texts",
        "f1_macro",
        "f1_micro",
        "calibration_error",
        "fitted_on_this_file",
        "created_at",
    )
    list_filter = ("version__model", "data_name")
    list_select_related = ("version__model",)
    search_fields = ("data_name", "data_digest", "version__model__name")


@admin.register(ModelEvent)
class ModelEventAdmin(ReadOnlyAdmin, admin.ModelAdmin[ModelEvent]):
    """What happened to versions, by whom and why."""

    list_display = ("created_at", "action", "version", "actor", "reason")
    list_filter = ("action", "version__model")
    list_select_related = ("version__model", "actor")
