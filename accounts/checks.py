"""Mistakes in the configuration of accounts, found before anybody meets them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from accounts.keys import peppers
from accounts.models import Tier
from accounts.quotas import rate_parse
from accounts.tokens import signing_keys

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@register
def peppers_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``accounts.E001``: API_KEY_PEPPERS cannot be read."""
    try:
        peppers(settings.API_KEY_PEPPERS, settings.SECRET_KEY)
    except ImproperlyConfigured as error:
        hint = "For example API_KEY_PEPPERS=1:<a long random string>"
        return [Error(str(error), hint=hint, id="accounts.E001")]
    return []


@register
def signing_keys_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``accounts.E002``: JWT_SIGNING_KEYS cannot be read, or holds SECRET_KEY."""
    hint = "For example JWT_SIGNING_KEYS=1:<a random string of 32 characters or more>"
    try:
        secrets = signing_keys().values()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint=hint, id="accounts.E002")]
    if settings.SECRET_KEY.encode() in secrets:
        message = "JWT_SIGNING_KEYS: SECRET_KEY must not sign tokens; use another secret"
        return [Error(message, hint=hint, id="accounts.E002")]
    return []


@register
def rates_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``accounts.E003``: LOGIN_RATE or FAILED_AUTH_RATE cannot be read."""
    errors: list[CheckMessage] = []
    for name in ("LOGIN_RATE", "FAILED_AUTH_RATE"):
        try:
            rate_parse(getattr(settings, name))
        except ValueError as error:
            hint = "A count per s, m, h or d, such as 60/m"
            errors.append(Error(f"{name}={error}", hint=hint, id="accounts.E003"))
    return errors


@register
def registration_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``accounts.E004``: REGISTRATION is on and no mail can leave."""
    if settings.REGISTRATION and settings.EMAIL_BACKEND == SMTP and not settings.EMAIL_HOST:
        message = "REGISTRATION is on, but EMAIL_HOST is not set: nobody could verify an address"
        return [Error(message, hint="Set EMAIL_HOST, or REGISTRATION=0", id="accounts.E004")]
    return []


@register
def store_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``accounts.W001``: several processes count documents, each for itself."""
    if settings.WORKERS > 1 and not settings.REDIS_URL:
        message = (
            f"Rate limits are counted in each of {settings.WORKERS} processes: "
            f"callers can use {settings.WORKERS} times their tier"
        )
        return [Warning(message, hint="Set REDIS_URL, or WORKERS=1", id="accounts.W001")]
    return []


@register(Tags.database)
def tiers_check(
    app_configs: Any, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """``accounts.E005``: DEFAULT_TIER or REGISTRATION_TIER names no tier."""
    if not databases:
        return []
    try:
        names = set(Tier.objects.values_list("name", flat=True))
    except DatabaseError:
        return []  # not migrated yet
    return [
        Error(
            f"{setting}: there is no tier {getattr(settings, setting)!r}",
            hint=f"Create it in the admin, or choose of: {', '.join(sorted(names))}",
            id="accounts.E005",
        )
        for setting in ("DEFAULT_TIER", "REGISTRATION_TIER")
        if names and getattr(settings, setting) not in names
    ]
