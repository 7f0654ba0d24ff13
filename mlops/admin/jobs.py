"""Jobs: live while they run, readable for ever."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from mlops.admin.base import ReadOnlyAdmin, badge
from mlops.models import ModelJob


@admin.register(ModelJob)
class ModelJobAdmin(ReadOnlyAdmin):
    """Registrations, exports and evaluations."""

    list_display = ("__str__", "state", "percent", "message", "version", "result", "created_at")
    list_filter = ("kind", "status")
    list_select_related = ("version__model", "result__model")
    change_form_template = "mlops/admin/job.html"

    def get_urls(self) -> list[URLPattern]:
        """And the part of the page that is alive."""
        live = path(
            "<int:job_id>/live/",
            self.admin_site.admin_view(self.live_view),
            name="mlops_modeljob_live",
        )
        return [live, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The job's page; its progress renews itself each second."""
        context = {**(extra_context or {}), "job": self._job(object_id)}
        return super().change_view(request, object_id, form_url, context)

    def live_view(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Progress, log and outcome as they are now."""
        return render(request, "mlops/admin/job_live.html", {"job": self._job(job_id)})

    def _job(self, job_id: object) -> ModelJob:
        rows = ModelJob.objects.select_related("version__model", "result__model", "evaluation")
        return get_object_or_404(rows, pk=job_id)

    @admin.display(description="state", ordering="status")
    def state(self, job: ModelJob) -> SafeString:
        """Coloured."""
        return badge(job.status)

    @admin.display(description="progress", ordering="progress")
    def percent(self, job: ModelJob) -> str:
        """For people."""
        return f"{job.progress:.0%}"
