"""Which apps there are, and what every request passes through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]

INSTALLED_APPS = [
    "emotions",
    "mlops",
    "accounts",
    # Before the admin: its templates and its site take the place of Django's.
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_prometheus",
    # Spent refresh tokens; and who failed to log in how often.
    "rest_framework_simplejwt.token_blacklist",
    "axes",
]

MIDDLEWARE = [
    # First, so that its clock covers everything else.
    "config.common.metrics.HttpMetricsMiddleware",
    # No shadow computes from here on until the answer is made.
    "emotions.middleware.LiveMiddleware",
    "config.common.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Static files from the same process: one command serves the whole product.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.common.middleware.ContentSecurityPolicyMiddleware",
    # Django's own; calls with a key or a token pass them by.
    "config.common.browser.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.common.browser.CsrfViewMiddleware",
    "config.common.browser.AuthenticationMiddleware",
    "config.common.browser.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # RateLimit headers and usage; two comparisons for what is not the API.
    "accounts.middleware.ApiCallMiddleware",
    # Turns a locked-out log-in to the admin into 429; one look at an attribute otherwise.
    "axes.middleware.AxesMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
