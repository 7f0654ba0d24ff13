"""Versions in the admin: the list, each one's page, and the way to everything done with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mlops.admin import actions
from mlops.admin.base import ModelAdmin, badge
from mlops.admin.pictures import label_bars, reliability, sparkline
from mlops.models import ModelVersion
from mlops.selectors import jobs_open, load_failure

SPARKLINE_POINTS = 12


@admin.register(ModelVersion)
class ModelVersionAdmin(ModelAdmin[ModelVersion]):
    """Nothing is typed into a version: an artifact is what its manifest says."""

    list_display = (
        *("__str__", "state", "alias_badges", "figures", "f1_macro", "latency"),
        *("megabytes", "short_digest", "created_at"),
    )
    list_filter = ("status", "format", "precision", "model")
    list_select_related = ("model", "parent__model")
    search_fields = ("model__name", "digest", "source")
    show_full_result_count = False
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        """Without deleted ones; figures of the whole page in one query."""
        rows = super().get_queryset(request).filter(deleted_at=None)
        return rows.prefetch_related("aliases", "evaluations")

    def get_urls(self) -> list[URLPattern]:
        """A page for each thing that can be done."""
        pages = [
            path(
                f"<int:version_id>/{name}/",
                self.admin_site.admin_view(view(self)),
                name=f"mlops_modelversion_{name}",
            )
            for name, view in actions.PAGES.items()
        ]
        return [*pages, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A model comes in by a form of its own, and is registered by a worker."""
        return actions.register_view(self, request)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of one version."""
        version = self.get_queryset(request).filter(pk=object_id).first()
        if version is None or not self.has_view_permission(request, version):
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            **_page(version),
            "opts": self.opts,
            "title": str(version),
            "actions": actions.offered(self, request, version),
        }
        return TemplateResponse(request, "mlops/admin/version.html", context)

    def has_change_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        """By the pages of their own only: promote, archive and the like."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ModelVersion | None = None) -> bool:
        """By a page of its own only: the row stays."""
        return False

    @admin.display(description="status", ordering="status")
    def state(self, version: ModelVersion) -> SafeString:
        """Coloured."""
        return badge(version.status)

    @admin.display(description="aliases")
    def alias_badges(self, version: ModelVersion) -> SafeString:
        """Champion, challenger and others."""
        badges = [badge(alias.name, "alias") for alias in version.aliases.all()]
        return format_html("{}" * len(badges), *badges) if badges else SafeString("-")

    @admin.display(description="macro-F1 over time")
    def figures(self, version: ModelVersion) -> SafeString:
        """A line through its evaluations, oldest first."""
        values = [row.f1_macro for row in version.evaluations.all() if row.f1_macro is not None]
        return sparkline(values[:SPARKLINE_POINTS][::-1])

    @admin.display(description="macro-F1")
    def f1_macro(self, version: ModelVersion) -> str:
        """The newest."""
        rows = [row for row in version.evaluations.all() if row.f1_macro is not None]
        return f"{rows[0].f1_macro:.4f}" if rows else "-"

    @admin.display(description="p95 ms")
    def latency(self, version: ModelVersion) -> str:
        """The newest."""
        rows = [row for row in version.evaluations.all() if row.latency_p95 is not None]
        return f"{rows[0].latency_p95:.1f}" if rows else "-"

    @admin.display(description="size", ordering="size")
    def megabytes(self, version: ModelVersion) -> str:
        """The size for people."""
        return filesizeformat(version.size)

    @admin.display(description="digest")
    def short_digest(self, version: ModelVersion) -> str:
        """Enough of the digest to tell versions apart."""
        return version.digest[:12]


def _page(version: ModelVersion) -> dict[str, Any]:
    evaluations = list(version.evaluations.all())
    drawn = next((row for row in evaluations if "reliability" in row.result), None)
    return {
        "version": version,
        "provenance": [*_provenance(version), *_cascade(version)],
        "labels": _labels(version),
        "made": _made(version),
        "ancestors": _ancestors(version),
        "children": version.exports.filter(deleted_at=None).select_related("model"),
        "evaluations": evaluations,
        "drawn": drawn,
        "bars": label_bars(drawn.result["labels"]) if drawn else "",
        "reliability": reliability(drawn.result["reliability"]) if drawn else "",
        "events": version.events.select_related("actor")[:50],
        "open_jobs": jobs_open(version),
        "load_failure": load_failure(version),
    }


def _labels(version: ModelVersion) -> list[tuple[str, str, float]]:
    """Label, what the product calls it, threshold."""
    pairs = zip(version.labels, version.manifest["thresholds"], strict=True)
    return [(name, version.label_map.get(name, ""), value) for name, value in pairs]


def _provenance(version: ModelVersion) -> list[tuple[str, Any]]:
    known = version.manifest["provenance"]
    return [
        (name, value)
        for name, value in known.items()
        if name not in ("export", "parity") and not isinstance(value, (dict, list))
    ]


def _cascade(version: ModelVersion) -> list[tuple[str, Any]]:
    """Which two models answer, and when the second."""
    return [
        (f"cascade, {name}", f"{value.get('version')}, {value.get('digest')}")
        if isinstance(value, dict)
        else (f"cascade, {name.replace('_', ' ')}", value)
        for name, value in (version.cascade or {}).items()
    ]


def _made(version: ModelVersion) -> list[tuple[str, str]]:
    """How an export was made, in words."""
    lines = []
    for name, value in version.export_options.items():
        if isinstance(value, dict):
            words = ", ".join(f"{package} {number}" for package, number in value.items())
        else:
            words = ", ".join(value) if isinstance(value, list) else str(value)
        lines.append((name.replace("_", " "), words))
    return [line for line in lines if line[0] != "parent"]


def _ancestors(version: ModelVersion) -> list[ModelVersion]:
    """From the first to the parent."""
    found: list[ModelVersion] = []
    parent = version.parent
    while parent is not None:
        found.insert(0, parent)
        parent = parent.parent
    return found
