"""Models and what happened to their versions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from mlops.admin.base import ModelAdmin, ReadOnlyAdmin
from mlops.models import Model, ModelEvent, PromotionGate


@admin.register(Model)
class ModelLineAdmin(ModelAdmin[Model]):
    """The lines of versions: what they are for, and whom to ask."""

    list_display = ("name", "task", "owner", "versions_count", "created_at")
    search_fields = ("name", "description")
    list_select_related = ("owner",)
    fields = ("name", "task", "owner", "description", "created_at")
    readonly_fields = ("name", "created_at")
    autocomplete_fields = ("owner",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """With the number of versions that are not deleted."""
        there = Count("versions", filter=Q(versions__deleted_at=None))
        return super().get_queryset(request).annotate(there=there)

    @admin.display(description="versions", ordering="there")
    def versions_count(self, model: Any) -> int:
        """As annotated."""
        count: int = model.there
        return count

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A model comes with its first version."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Its versions are archived or deleted."""
        return False


@admin.register(ModelEvent)
class ModelEventAdmin(ReadOnlyAdmin):
    """What happened to versions, by whom and why."""

    list_display = ("created_at", "action", "version", "actor", "reason")
    list_filter = ("action", "version__model")
    list_select_related = ("version__model", "actor")


@admin.register(PromotionGate)
class PromotionGateAdmin(ModelAdmin[PromotionGate]):
    """What a promotion is held to, on the reference data set."""

    list_display = ("metric", "limit", "confidence", "enabled")
    list_editable = ("limit", "confidence", "enabled")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one for each figure."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PromotionGate | None = None) -> bool:
        """Switched off instead."""
        return False
