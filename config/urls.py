"""All URLs of the product."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config.common import metrics
from emotions import health, pages

urlpatterns = [
    path("", pages.start, name="start"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("emotions.urls")),
    path("api/v1/", include("mlops.urls")),
    path("api/v1/", include("accounts.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="emotions/docs.html"),
        name="docs",
    ),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("favicon.ico", pages.icon, name="favicon"),
    path("metrics", metrics.scrape, name="metrics"),
]

admin.site.index_title = "Operations"

handler400 = "config.common.errors.bad_request"
handler403 = "config.common.errors.permission_denied"
handler404 = "config.common.errors.not_found"
handler500 = "config.common.errors.server_error"
