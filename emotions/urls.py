"""``/api/v1/``: the emotion API."""

from __future__ import annotations

from django.urls import path

from emotions import views

urlpatterns = [
    path("emotions/analyze", views.AnalyzeView.as_view(), name="analyze"),
    path("emotions/labels", views.LabelsView.as_view(), name="labels"),
    path("models/current", views.CurrentModelView.as_view(), name="model-current"),
]
