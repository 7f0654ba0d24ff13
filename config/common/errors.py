"""The one error shape, also for what fails outside a DRF view."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import status
from rest_framework.exceptions import APIException

API_PREFIX = "/api/"


class DatabaseUnavailableError(APIException):
    """What was asked for is in the database, and that does not answer."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_unavailable"
    default_detail = "The database does not answer at the moment; try again shortly."
    # Becomes Retry-After.
    wait = 2


def error_body(kind: str, code: str, detail: str) -> dict[str, Any]:
    """The body of drf-standardized-errors with a single error."""
    return {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}


def error_answer(status: int, kind: str, code: str, detail: str) -> HttpResponse:
    """An answer in the one error shape."""
    body = orjson.dumps(error_body(kind, code, detail))
    return HttpResponse(body, status=status, content_type="application/json")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler400``: for instance a host that is not allowed."""
    if request.path.startswith(API_PREFIX):
        return error_answer(
            400, "client_error", "bad_request", "The request could not be understood."
        )
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler403``."""
    if request.path.startswith(API_PREFIX):
        return error_answer(403, "client_error", "permission_denied", "This is not allowed.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler404``."""
    if request.path.startswith(API_PREFIX):
        detail = f"There is no endpoint {request.path}; GET /api/v1/schema/ lists them all."
        return error_answer(404, "client_error", "not_found", detail)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """``handler500``; the log has the cause under the request's id."""
    if request.path.startswith(API_PREFIX):
        detail = "Something failed on our side. Quote the X-Request-ID header when you report it."
        return error_answer(500, "server_error", "error", detail)
    return defaults.server_error(request)
