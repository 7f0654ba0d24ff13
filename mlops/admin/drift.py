"""The drift page: each serving version's last day beside the days before."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone

from mlops.admin.base import ReadOnlyAdmin
from mlops.admin.charts import COLUMN, HEIGHT, ROW, bars_up
from mlops.admin.log import version_text
from mlops.log.constants import Measure
from mlops.log.drift import Comparison, comparisons, thresholds
from mlops.log.shift import CONFIDENCE_BINS, LENGTH_BINS
from mlops.models import DriftEvent, DriftHour


@admin.register(DriftEvent)
class DriftEventAdmin(ReadOnlyAdmin):
    """What went past its threshold."""

    list_display = ("at", "version", "measure", "value", "threshold", "documents")
    list_filter = ("measure",)
    sortable_by = ("at", "value")

    @admin.display(description="version")
    def version(self, event: DriftEvent) -> str:
        """The version's name."""
        return version_text(event.version_id) if event.version_id else "-"


@admin.register(DriftHour)
class DriftAdmin(ReadOnlyAdmin):
    """Not a list of hours: what they add up to."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """One section for each version that answered in the last day."""
        if not self.has_view_permission(request):
            return super().changelist_view(request)  # type: ignore[return-value]
        context = {
            **self.admin_site.each_context(request),
            "title": "Drift",
            "opts": self.opts,
            "height": HEIGHT,
            "versions": [_section(each) for each in comparisons(now=timezone.now())],
            "events": DriftEvent.objects.all()[:10],
        }
        return TemplateResponse(request, "mlops/drift.html", context)


def _section(comparison: Comparison) -> dict[str, Any]:
    limits, exceeded = thresholds(), comparison.exceeded
    return {
        "name": version_text(comparison.version_id),
        "current": comparison.current,
        "reference": comparison.reference,
        "charts": _charts(comparison),
        "measures": [
            (Measure(name).label, value, limits[name], name in exceeded)
            for name, value in comparison.values.items()
        ],
    }


def _charts(comparison: Comparison) -> list[dict[str, Any]]:
    current, reference = comparison.current, comparison.reference
    labels = sorted(current.labels | reference.labels, key=lambda name: -reference.labels[name])
    scores = [f"{100 * n // CONFIDENCE_BINS} %" for n in range(CONFIDENCE_BINS)]
    lengths = [f"{2**n:,}" for n in range(LENGTH_BINS)]
    charts = (
        (
            "Strongest label",
            labels,
            [reference.labels[name] for name in labels],
            [current.labels[name] for name in labels],
        ),
        ("Its score, from", scores, reference.confidence, current.confidence),
        ("Characters, from", lengths, reference.lengths, current.lengths),
    )
    return [
        {"title": title, "bars": bars_up(names, *values), "width": COLUMN * len(names) + ROW}
        for title, names, *values in charts
    ]
