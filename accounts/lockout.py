"""What happens to somebody who failed to log in too often."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

MESSAGE = "Too many failed log-ins for this account or from this address; try again later."


def cooloff_seconds() -> int:
    """How long that is."""
    return int(settings.AXES_COOLOFF_TIME.total_seconds())


def login_name(request: HttpRequest | Request, credentials: dict[str, Any] | None = None) -> str:
    """The account that somebody tries: one, however its address is capitalised."""
    if credentials:
        given = credentials.get("username") or credentials.get("email")
    else:
        given = request.POST.get("username")
    return str(given or "").strip().lower()[:254]


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """The answer of pages with a log-in form; the API's view raises its own error."""
    return HttpResponse(
        MESSAGE,
        status=429,
        content_type="text/plain",
        headers={"Retry-After": str(cooloff_seconds())},
    )
