"""The request id as part of every log line."""

from __future__ import annotations

import logging
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")


class NoProbes(logging.Filter):
    """Drops Django's line about a probe that was answered 503: the answer says why already."""

    def filter(self, record: logging.LogRecord) -> bool:
        path = getattr(getattr(record, "request", None), "path", "")
        return not str(path).startswith("/health/")


class RequestIdFilter(logging.Filter):
    """Adds ``request_id`` to each record; "-" outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Django logs a failed answer after the last middleware, when the variable is reset.
        request = getattr(record, "request", None)
        record.request_id = getattr(request, "request_id", None) or request_id.get()
        return True
