"""Tells a webhook that a guardrail stopped an arm."""

from __future__ import annotations

import json
import logging
import threading
import urllib.request
from typing import Any

from django.conf import settings

from mlops.models import RolloutEvent

logger = logging.getLogger(__name__)
SECONDS = 5.0


def alert_send(event: RolloutEvent) -> None:
    """Send *event* to GUARDRAIL_WEBHOOK, if there is one; whatever comes of it, the arm is stopped.

    In a thread: neither a request nor the watcher of the routing table waits for somebody's server.
    """
    if settings.GUARDRAIL_WEBHOOK:
        threading.Thread(
            target=_post, args=(settings.GUARDRAIL_WEBHOOK, alert_body(event)), daemon=True
        ).start()


def alert_body(event: RolloutEvent) -> dict[str, Any]:
    """What the webhook gets."""
    return {
        "event": "arm_paused",
        "rollout": event.rollout.name,
        "arm": event.arm.name if event.arm else None,
        "reason": event.reason,
        "detail": event.detail,
        "at": event.created_at.isoformat(),
    }


def _post(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 - a system check wants http or https
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
            logger.info("guardrail webhook answered %s", response.status)
    except OSError as error:
        logger.warning("the guardrail webhook did not take the alert: %s", error)
