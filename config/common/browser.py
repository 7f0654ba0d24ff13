"""Django's middleware for browsers, which a call with a credential in its header passes by.

Session, CSRF token, user and messages live in cookies; a request that says in a header who it is
has no use for them, and preparing them took a tenth of a cached answer's time.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.http import HttpRequest
from django.middleware import csrf

from config.common.errors import API_PREFIX

# What accounts.authentication takes for a credential of its own, right or wrong: it answers 401
# to a wrong one and never goes on to the session.
_SCHEMES = ("api-key ", "bearer ")


def is_machine_call(request: HttpRequest) -> bool:
    """Whether this is a call of the API whose credential is in a header."""
    if not request.path_info.startswith(API_PREFIX):
        return False
    meta = request.META
    return "HTTP_X_API_KEY" in meta or (
        str(meta.get("HTTP_AUTHORIZATION", ""))[:8].lower().startswith(_SCHEMES)
    )


class BrowserOnly:
    """Mixed into a middleware: machine calls go straight on."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> Any:
        if is_machine_call(request):
            return self.get_response(request)
        return super().__call__(request)  # type: ignore[misc]


class SessionMiddleware(BrowserOnly, sessions.SessionMiddleware):
    """``request.session``."""


class CsrfViewMiddleware(BrowserOnly, csrf.CsrfViewMiddleware):
    """The CSRF token."""


class AuthenticationMiddleware(BrowserOnly, auth.AuthenticationMiddleware):
    """``request.user`` of the session."""


class MessageMiddleware(BrowserOnly, messages.MessageMiddleware):
    """What an action says on the next page."""
