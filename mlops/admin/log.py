"""The request log in the admin: read only, never counted whole, never all months at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.api import User
from mlops.admin.base import ReadOnlyAdmin
from mlops.admin.charts import LABEL, ROW, WIDTH, bars_across
from mlops.admin.log_filters import (
    ArmFilter,
    KeyFilter,
    LabelFilter,
    OutcomeFilter,
    PeriodFilter,
    VersionFilter,
)
from mlops.log.privacy import TextLockedError, text_read
from mlops.log.selectors import prediction_scores, versions_by_id
from mlops.models import LogArchive, LogExport, ModelVersion, Prediction, UsageHour

# Further back one finds rows by filters, not by pages.
MAX_COUNTED = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts no further than somebody would turn pages: a count of all would take seconds."""

    @cached_property
    def count(self) -> int:
        """The rows, or ``MAX_COUNTED``."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MAX_COUNTED].count())


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    """Newest first; the last month unless another period is chosen."""

    list_display = (
        *("created_at", "top_label", "score", "version", "key_id", "milliseconds"),
        *("cached", "shadow", "status"),
    )
    list_filter = (
        *(PeriodFilter, VersionFilter, LabelFilter, ArmFilter, KeyFilter, OutcomeFilter),
        *("shadow",),
    )
    list_per_page = 50
    paginator = BoundedPaginator
    # Ordered by time, which is what the indexes are for.
    sortable_by = ()
    search_fields = ("id",)
    search_help_text = "The id of a prediction."
    actions = None
    fieldsets = (
        (None, {"fields": ("id", "created_at", "request_id", "user_id", "key_id", "network")}),
        ("Answer", {"fields": ("version", "labels", "valence", "low_confidence", "chart")}),
        ("Text", {"fields": ("text_length", "tokens", "windows", "unknown_tokens", "kept_text")}),
        ("Exposure", {"fields": ("rollout_id", "arm_id", "pinned", "shadow", "subject_hash")}),
        ("Course", {"fields": ("cached", "queue_ms", "infer_ms", "total_ms")}),
        ("Outcome", {"fields": ("status", "error_code", "job_id")}),
    )
    readonly_fields = ("version", "chart", "kept_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prediction]:
        """Without what only one row's page shows."""
        return Prediction.objects.defer("scores", "text")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id: it leads to one month; no other text has an index."""
        if not search_term:
            return queryset, False
        try:
            key = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        return Prediction.objects.by_id(key), False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Prediction | None:
        """The row, from the one month that its id names; with its text if that was asked for."""
        try:
            row = Prediction.objects.by_id(UUID(object_id)).first()
        except ValueError:
            return None
        if row is not None and request.GET.get("text") == "1":
            row.shown_text = _text(row, request)  # type: ignore[attr-defined]
        return row

    @admin.display(description="score")
    def score(self, row: Prediction) -> str:
        """The strongest label's; in doubt where no label was over its threshold."""
        if row.top_score is None:
            return "-"
        return f"{row.top_score:.3f}{' ?' if row.low_confidence else ''}"

    @admin.display(description="version")
    def version(self, row: Prediction) -> str:
        """The version's name."""
        return version_text(row.version_id) if row.version_id else "-"

    @admin.display(description="ms")
    def milliseconds(self, row: Prediction) -> str:
        """The whole request."""
        return f"{row.total_ms:.1f}"

    @admin.display(description="scores")
    def chart(self, row: Prediction) -> SafeString | str:
        """Every label's probability as a bar."""
        version = versions_by_id([row.version_id]).get(row.version_id or 0)
        bars = bars_across(prediction_scores(row, version))
        if not bars:
            return "-"
        size = {"width": LABEL + WIDTH + 60, "height": ROW * len(bars)}
        return render_to_string("mlops/scores.html", {"bars": bars, **size})

    @admin.display(description="kept text")
    def kept_text(self, row: Prediction) -> SafeString | str:
        """A link to it first: whoever reads a text is written down."""
        if row.text is None:
            return "not kept"
        shown = getattr(row, "shown_text", None)
        return shown or format_html('<a href="?text=1">show (this is audited)</a>')


@lru_cache(maxsize=1024)
def version_text(version_id: int) -> str:
    """A version's name never changes."""
    found = ModelVersion.objects.select_related("model").filter(pk=version_id).first()
    return str(found) if found else f"version {version_id}"


def _text(row: Prediction, request: HttpRequest) -> str:
    assert isinstance(request.user, User)
    try:
        return text_read(row=row, actor=request.user, request=request) or ""
    except TextLockedError as error:
        return str(error)


@admin.register(UsageHour)
class UsageHourAdmin(ReadOnlyAdmin):
    """What was asked, by hour, user, key and version."""

    list_display = ("hour", "user_id", "key_id", "version", "requests", "documents", "failed")
    list_filter = ("hour",)
    sortable_by = ()
    actions = None

    @admin.display(description="version")
    def version(self, row: UsageHour) -> str:
        """The version's name."""
        return version_text(row.version_id) if row.version_id else "-"


@admin.register(LogExport)
class LogExportAdmin(ReadOnlyAdmin):
    """Files that people asked for."""

    list_display = ("created_at", "user", "format", "status", "rows", "size", "error")
    list_filter = ("status", "format")
    list_select_related = ("user",)


@admin.register(LogArchive)
class LogArchiveAdmin(ReadOnlyAdmin):
    """Months that left the database."""

    list_display = ("month", "rows", "size", "path", "created_at")
