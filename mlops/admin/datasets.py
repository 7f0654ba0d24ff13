"""Data sets, and the figures of versions on them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from mlops.admin.base import ReadOnlyAdmin, actor_of
from mlops.admin.forms import DatasetForm
from mlops.admin.pictures import label_bars, reliability
from mlops.models import Dataset, Evaluation
from mlops.services.datasets import dataset_refer, dataset_register
from mlops.training.data import DataFormatError


@admin.register(Dataset)
class DatasetAdmin(ReadOnlyAdmin):
    """Labelled files; one of them is what promotion gates compare on."""

    list_display = ("__str__", "reference", "rows", "labels_count", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "digest")
    actions = ("refer",)
    exclude = ("suffix",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Those who may add versions may add what these are measured on."""
        return request.user.has_perm("mlops.add_dataset")

    def has_refer_permission(self, request: HttpRequest) -> bool:
        """The reference decides on promotions."""
        return request.user.has_perm("mlops.change_dataset")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Read from start to end before it is kept."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DatasetForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                dataset = _registered(request, form.cleaned_data)
            except DataFormatError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, f"{dataset} has {dataset.rows} rows.")
                return redirect("admin:mlops_dataset_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Register a data set",
            "button": "Register",
            "form": form,
        }
        return TemplateResponse(request, "mlops/admin/action.html", context)

    @admin.display(description="labels")
    def labels_count(self, dataset: Dataset) -> int:
        """How many."""
        return len(dataset.labels)

    @admin.action(description="Have promotion gates compare on it", permissions=["refer"])
    def refer(self, request: HttpRequest, queryset: QuerySet[Dataset]) -> None:
        """Make the one selected data set the reference."""
        if len(queryset) != 1:
            self.message_user(request, "Select one data set.", messages.ERROR)
            return
        dataset_refer(dataset=queryset[0])
        self.message_user(request, f"Gates compare on {queryset[0]} now.", messages.SUCCESS)


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    """The figures of versions on labelled files, and the pictures of one."""

    list_display = (
        *("version", "data_name", "texts", "f1_macro", "f1_micro", "calibration_error"),
        *("latency_p95", "memory", "behaviour", "fitted_on_this_file", "created_at"),
    )
    list_filter = ("version__model", "data_name")
    list_select_related = ("version__model",)
    search_fields = ("data_name", "data_digest", "version__model__name")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """All figures, with pictures."""
        rows = Evaluation.objects.select_related("version__model", "dataset")
        evaluation = rows.filter(pk=object_id).first()
        if evaluation is None or not self.has_view_permission(request, evaluation):
            raise Http404
        result = evaluation.result
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(evaluation),
            "evaluation": evaluation,
            "overall": [
                (name, value, result["intervals"].get(name))
                for name, value in result.get("overall", {}).items()
            ],
            "bars": label_bars(result["labels"]) if "labels" in result else "",
            "reliability": reliability(result.get("reliability", [])),
        }
        return TemplateResponse(request, "mlops/admin/evaluation.html", context)


def _registered(request: HttpRequest, data: dict[str, Any]) -> Dataset:
    with tempfile.TemporaryDirectory() as scratch:
        # Under its own name, which errors cite and whose ending says what it is.
        file = Path(scratch) / Path(data["file"].name).name
        _write(file, data["file"])
        labels = Path(scratch) / "labels.txt" if data["labels"] else None
        if labels:
            _write(labels, data["labels"])
        return dataset_register(
            file=file,
            name=data["name"],
            split=data["split"],
            labels=labels,
            label_map=data["label_map"],
            actor=actor_of(request),
        )


def _write(path: Path, upload: Any) -> None:
    with path.open("wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)
