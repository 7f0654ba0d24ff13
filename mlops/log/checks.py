"""Mistakes in the configuration of the request log."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from mlops.log.privacy import text_keys


@register
def text_keys_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``mlops.E030``: LOG_TEXT_KEYS cannot be read."""
    try:
        text_keys()
    except ImproperlyConfigured as error:
        hint = "For example LOG_TEXT_KEYS=1:<a random string of 32 characters or more>"
        return [Error(str(error), hint=hint, id="mlops.E030")]
    return []


@register
def spool_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``mlops.E031``: predictions could not be spooled."""
    folder = settings.LOG_SPOOL_DIR
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return []
    hint = f"Make {existing} a folder that can be written, or name another in LOG_SPOOL_DIR."
    return [Error(f"LOG_SPOOL_DIR {folder} cannot be written.", hint=hint, id="mlops.E031")]


@register
def kept_texts_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``mlops.W030``: texts are kept under a key that changes with SECRET_KEY."""
    if settings.TEXT_LOGGING in ("redacted", "full") and not settings.LOG_TEXT_KEYS:
        message = "Texts are kept, encrypted under a key that SECRET_KEY makes."
        hint = "Set LOG_TEXT_KEYS: a change of SECRET_KEY would lock every kept text."
        return [CheckWarning(message, hint=hint, id="mlops.W030")]
    return []
