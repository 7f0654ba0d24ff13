"""Settings that cannot do what they say."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register  # noqa: A004 - their name

from emotions.apps import worker_processes
from emotions.placement import cores


@register
def placement_check(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """``emotions.W001``: PIN_WORKERS is on and the processes cannot have as many cores each."""
    if settings.PIN_WORKERS and cores() % worker_processes():
        message = f"PIN_WORKERS: {cores()} cores cannot be divided among {worker_processes()}"
        hint = "Set WORKERS to a divisor of the cores, or PIN_WORKERS=0"
        return [Warning(message, hint=hint, id="emotions.W001")]
    return []
