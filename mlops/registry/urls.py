"""``/api/v1/models/``."""

from __future__ import annotations

from django.urls import URLPattern, path

from mlops.registry import actions, views

_VERSION = "models/<slug:name>/<int:number>/"
_ACTIONS = {
    "promote": actions.PromoteView,
    "rollback": actions.RollbackView,
    "validate": actions.ValidateView,
    "archive": actions.ArchiveView,
    "restore": actions.RestoreView,
    "alias": actions.AliasView,
    "export": actions.ExportView,
    "evaluate": actions.EvaluateView,
}

urlpatterns: list[URLPattern] = [
    path("models/", views.ModelsView.as_view(), name="models"),
    # Before the names.
    path("models/compare/", views.CompareView.as_view(), name="model-compare"),
    path("models/jobs/<int:job_id>/", views.JobView.as_view(), name="model-job"),
    path(_VERSION, views.VersionView.as_view(), name="model-version"),
    *(path(f"{_VERSION}{name}/", view.as_view()) for name, view in _ACTIONS.items()),
]
