"""The end of every API call: limits into the headers, documents into the usage."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.calls import Call, call_of
from accounts.counters import LimiterUnavailableError
from accounts.quotas import Quota, address_quota, call_settle, documents_quota
from config.common.errors import API_PREFIX


class ApiCallMiddleware:
    """Adds ``RateLimit-*`` to every answer of the API and counts what was answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path_info.startswith(API_PREFIX):
            return response
        call = call_of(request)
        if call.documents:
            version = str(response.get("X-Model-Version", ""))
            call_settle(call, status=response.status_code, version=version)
        quota = call.quota or _quota(request, call)
        if quota:
            for name, value in quota.headers().items():
                response[name] = value
        return response


def _quota(request: HttpRequest, call: Call) -> Quota | None:
    try:
        return documents_quota(call.principal) if call.principal else address_quota(request)
    except LimiterUnavailableError:
        return None  # nothing was asked of the limiter: the answer is good without
