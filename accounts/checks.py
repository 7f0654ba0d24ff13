"""Mistakes in the configuration of accounts, found before anybody meets them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from accounts.keys import peppers


@register
def peppers_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``accounts.E001``: API_KEY_PEPPERS cannot be read."""
    try:
        peppers(settings.API_KEY_PEPPERS, settings.SECRET_KEY)
    except ImproperlyConfigured as error:
        hint = "For example API_KEY_PEPPERS=1:<a long random string>"
        return [Error(str(error), hint=hint, id="accounts.E001")]
    return []
