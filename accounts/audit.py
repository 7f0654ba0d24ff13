"""The audit trail: every event that matters to security, as a row that is never changed."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from accounts.addresses import client_address
from accounts.models import AuditEvent, User
from accounts.principals import Principal
from config.common.logs import request_id

logger = logging.getLogger(__name__)

# A refused network is written once in so long per key: a loop somewhere must not fill the table.
REFUSAL_SECONDS = 60.0
_refused: dict[str, float] = {}


def record(
    action: str,
    *,
    actor: User | None = None,
    target: object = "",
    request: HttpRequest | Request | None = None,
    **detail: Any,
) -> AuditEvent:
    """Add one event. *detail* must hold no secret: names, ids and numbers only."""
    return AuditEvent.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        actor=str(actor or ""),
        target=str(target)[:254],
        address=client_address(request) if request is not None else None,
        request_id=request_id.get() if request is not None else "",
        detail=detail,
    )


def network_refused(principal: Principal, request: Request) -> None:
    """A valid key was used from where it must not be: it may have leaked."""
    now = time.monotonic()
    if now - _refused.get(principal.key_id, -REFUSAL_SECONDS) < REFUSAL_SECONDS:
        return
    _refused[principal.key_id] = now
    record("key_network_refused", actor=principal.user, target=principal.key or "", request=request)
