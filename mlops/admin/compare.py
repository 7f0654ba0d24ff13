"""Two versions side by side, on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse

from mlops.admin.base import ModelAdmin
from mlops.admin.forms import CompareForm
from mlops.admin.pictures import difference_bar
from mlops.errors import CodedError
from mlops.models import ModelVersion
from mlops.selectors import (
    dataset_reference,
    evaluation_latest,
    version_serving,
    versions_visible,
)
from mlops.services.evaluations import ComparisonError, evaluations_compare


def compare_page(admin: ModelAdmin[ModelVersion]) -> Callable[..., HttpResponse]:
    """Side by side, on the same rows."""

    def view(request: HttpRequest, version_id: int) -> HttpResponse:
        version = get_object_or_404(versions_visible(), pk=version_id)
        if not admin.has_view_permission(request, version):
            raise PermissionDenied
        initial = {"champion": version_serving(), "dataset": dataset_reference()}
        form = CompareForm(request.GET or None, initial=initial)
        found = None
        if request.GET and form.is_valid():
            try:
                found = _compared(version, **form.cleaned_data)
            except CodedError as error:
                form.add_error(None, str(error))
        context = {
            **admin.admin_site.each_context(request),
            "opts": admin.opts,
            "title": f"Compare {version}",
            "form": form,
            "version": version,
            "found": found,
        }
        return TemplateResponse(request, "mlops/admin/compare.html", context)

    return view


def _compared(version: ModelVersion, *, champion: ModelVersion, dataset: Any) -> dict[str, Any]:
    pair = [evaluation_latest(each, dataset) for each in (version, champion)]
    for each, evaluation in zip((version, champion), pair, strict=True):
        if evaluation is None:
            raise ComparisonError(f"{each} is not evaluated on {dataset} yet")
    candidate, other = pair
    assert candidate is not None
    assert other is not None
    found = evaluations_compare(candidate=candidate, champion=other)
    rows: list[dict[str, Any]] = [
        {"name": name, **figures, "interval": found["intervals"].get(name)}
        for name, figures in found["figures"].items()
    ]
    for row in rows:
        if row["interval"]:
            row["bar"] = difference_bar(*row["interval"], difference=row["difference"])
    pairs = (("p95 latency (ms)", "latency_p95"), ("memory (MB)", "memory"))
    found["costs"] = [
        (words, getattr(other, name), getattr(candidate, name)) for words, name in pairs
    ]
    return {**found, "rows": rows, "candidate_version": version, "champion_version": champion}
