"""Mistakes in the configuration of model operations."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning


@register
def models_dir_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``mlops.E001``: exported models could not be written."""
    folder = settings.MODELS_DIR
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(existing, os.W_OK):
        return []
    hint = f"Make {existing} writable, or point DATA_DIR to a folder that is."
    return [Error(f"MODELS_DIR {folder} cannot be written.", hint=hint, id="mlops.E001")]


@register
def broker_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``mlops.W001``: several hosts cannot share the filesystem broker."""
    if settings.REDIS_URL and settings.CELERY_BROKER_URL.startswith("filesystem:"):
        hint = "Unset CELERY_BROKER_URL to use REDIS_URL, or name a broker that all hosts reach."
        message = "Redis is configured, but background work goes through local files."
        return [CheckWarning(message, hint=hint, id="mlops.W001")]
    return []


@register
def webhook_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``mlops.E020``: the guardrail webhook is no address of the web."""
    url = settings.GUARDRAIL_WEBHOOK
    if not url or (urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname):
        return []
    hint = "For example GUARDRAIL_WEBHOOK=https://alerts.example.org/valence"
    return [Error("GUARDRAIL_WEBHOOK is not an http(s) address.", hint=hint, id="mlops.E020")]
