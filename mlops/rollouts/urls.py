"""``/api/v1/``: rollouts and feedback."""

from __future__ import annotations

from django.urls import URLPattern, path

from mlops.rollouts import views

urlpatterns: list[URLPattern] = [
    path("rollouts/", views.RolloutsView.as_view(), name="rollouts"),
    # Before the names: no rollout may be called "plan".
    path("rollouts/plan/", views.PlanView.as_view(), name="rollout-plan"),
    path("rollouts/<slug:name>/", views.RolloutDetailView.as_view(), name="rollout"),
    path("rollouts/<slug:name>/report/", views.RolloutReportView.as_view()),
    path("rollouts/<slug:name>/start/", views.RolloutStartView.as_view()),
    path("rollouts/<slug:name>/ramp/", views.RolloutRampView.as_view()),
    path("rollouts/<slug:name>/pause/", views.RolloutPauseView.as_view()),
    path("rollouts/<slug:name>/resume/", views.RolloutResumeView.as_view()),
    path("rollouts/<slug:name>/conclude/", views.RolloutConcludeView.as_view()),
    path("keys/<str:lookup_id>/pin/", views.KeyPinView.as_view(), name="key-pin"),
    path("feedback/", views.FeedbackView.as_view(), name="feedback"),
]
