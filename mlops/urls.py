"""``/api/v1/``: model operations."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from mlops.log import views as log

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("mlops.registry.urls")),
    path("", include("mlops.rollouts.urls")),
    path("me/usage/", log.UsageView.as_view(), name="usage"),
    path("predictions/", log.PredictionsView.as_view(), name="predictions"),
    path("predictions/exports/", log.ExportsView.as_view(), name="prediction-exports"),
    path(
        "predictions/exports/<uuid:export_id>/",
        log.ExportView.as_view(),
        name="prediction-export",
    ),
    path(
        "predictions/exports/<uuid:export_id>/file/",
        log.ExportFileView.as_view(),
        name="prediction-export-file",
    ),
    path("predictions/<uuid:prediction_id>/", log.PredictionView.as_view(), name="prediction"),
]
