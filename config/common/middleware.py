"""Middleware that every request passes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from config.common.logs import request_id

# A caller's own id is taken over only in this form: it goes into logs and a header.
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")


# Only what this server serves itself, no inline code, in no frame.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


# The admin's Alpine evaluates the expressions in its templates' attributes, and its pages set
# colours and widths inline. Scripts still come from this server only, never from within a page.
ADMIN_PREFIX = "/admin/"
ADMIN_SECURITY_POLICY = CONTENT_SECURITY_POLICY.replace(
    "script-src 'self'", "script-src 'self' 'unsafe-eval'"
).replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class ContentSecurityPolicyMiddleware:
    """Adds a policy. Constants: building one from settings for every answer took 70 us."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Content-Security-Policy"] = (
            ADMIN_SECURITY_POLICY
            if request.path_info.startswith(ADMIN_PREFIX)
            else CONTENT_SECURITY_POLICY
        )
        return response


class RequestIdMiddleware:
    """Gives each request an id, the caller's ``X-Request-ID`` or a new one, and echoes it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        value = request_id_of(request.META)
        request.request_id = value  # type: ignore[attr-defined]
        token = request_id.set(value)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = value
        return response


def request_id_of(environ: Mapping[str, Any]) -> str:
    """The caller's own id where it has the accepted form, else a new one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _ACCEPTED.fullmatch(given) else os.urandom(16).hex()
