"""Filters of the request log, each over an index and within a period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from mlops.log.archive import month_bounds
from mlops.log.partitions import month_after, month_of
from mlops.log.selectors import AHEAD, DEFAULT_DAYS
from mlops.models import Arm, ModelVersion, UsageHour

# More would be a list that nobody reads.
MAX_CHOICES = 50
MONTHS = 12


class PeriodFilter(SimpleListFilter):
    """Always some period: nobody looks through all months at once by mistake."""

    title = "time"
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Hours, days and the last months."""
        month = month_of(datetime.now(UTC).date())
        months = [month_after(month, -number) for number in range(MONTHS)]
        return [
            ("1", "Last 24 hours"),
            ("7", "Last 7 days"),
            *((f"{each:%Y-%m}", f"{each:%B %Y}") for each in months),
        ]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The default has its right name."""
        named = list(super().choices(changelist))
        named[0]["display"] = f"Last {DEFAULT_DAYS} days"
        yield from named

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any]:
        """An id carries its time: with one, no period is needed."""
        if request.GET.get("q"):
            return queryset  # type: ignore[no-any-return]
        value = self.value() or str(DEFAULT_DAYS)
        if "-" in value:
            rows = queryset.between(*month_bounds(_month(value)))
        else:
            now = timezone.now()
            rows = queryset.between(now - timedelta(days=_days(value)), now + AHEAD)
        return rows  # type: ignore[no-any-return]


class _ColumnFilter(SimpleListFilter):
    """Equality with one column."""

    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return ()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{self.column: value}) if value else queryset


class VersionFilter(_ColumnFilter):
    """Versions, newest first."""

    title, parameter_name, column = "version", "version", "version_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        versions = ModelVersion.objects.select_related("model").order_by("-pk")
        return [(str(each.pk), str(each)) for each in versions[:MAX_CHOICES]]


class LabelFilter(_ColumnFilter):
    """The labels of the versions there are."""

    title, parameter_name, column = "strongest label", "label", "top_label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        versions = ModelVersion.objects.order_by("-pk").only("manifest")[:10]
        labels = sorted({label for version in versions for label in version.product_labels})
        return [(label, label) for label in labels]


class ArmFilter(_ColumnFilter):
    """The arms of the newest rollouts."""

    title, parameter_name, column = "arm", "arm", "arm_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        arms = Arm.objects.select_related("rollout").order_by("-pk")[:MAX_CHOICES]
        return [(str(each.pk), f"{each.rollout.name}: {each.name}") for each in arms]


class KeyFilter(_ColumnFilter):
    """The keys that were used in the last days."""

    title, parameter_name, column = "key", "key", "key_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        since = timezone.now() - timedelta(days=DEFAULT_DAYS)
        keys = UsageHour.objects.filter(hour__gte=since).exclude(key_id="").order_by("key_id")
        found = keys.values_list("key_id", flat=True).distinct()[:MAX_CHOICES]
        return [(key, key) for key in found]


class OutcomeFilter(SimpleListFilter):
    """What went wrong, or nearly."""

    title, parameter_name = "outcome", "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("unsure", "Low confidence"), ("failed", "Errors")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "unsure":
            return queryset.filter(low_confidence=True)
        return queryset.exclude(error_code="") if self.value() == "failed" else queryset


def _month(value: str) -> date:
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        return month_of(datetime.now(UTC).date())


def _days(value: str) -> int:
    return int(value) if value.isdecimal() and int(value) <= 366 else DEFAULT_DAYS
