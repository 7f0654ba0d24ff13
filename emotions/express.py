"""The short way of an analysis: from WSGI to the engine and back, past Django's request and DRF.

Their part of an answer took longer than everything of ours, the more so right after a model has
emptied the processor's caches. Whatever is unusual goes the long way: other endpoints and
credentials, callers that must be looked up, requests that will be refused. Both ways share every
function that decides something, and their answers are the same to the byte.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from rest_framework.exceptions import APIException

from accounts.api import (
    Principal,
    api_key_of,
    call_of,
    call_settle,
    client_address,
    documents_admit,
    key_used,
    principal_known,
)
from config.common.json import json_encode
from config.common.logs import request_id
from config.common.metrics import answer_count
from config.common.middleware import ContentSecurityPolicyMiddleware, request_id_of
from emotions.calls import Options, failure_keep, request_answer, request_validate, texts_of
from emotions.engine import engine
from emotions.views import AnalyzeView

PATH = "/api/v1/emotions/analyze"
VIEW = "analyze"
# Larger bodies are batches, whose texts take most of the time on either way.
MAX_BODY = 1_000_000
# The ones that add the same headers to every answer.
_MIDDLEWARE = (XFrameOptionsMiddleware, ContentSecurityPolicyMiddleware, SecurityMiddleware)
Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class _Call:
    """A WSGI environment in the form in which requests hold it."""

    __slots__ = ("META",)

    def __init__(self, environ: Environ) -> None:
        self.META = environ


class Express:
    """WSGI, in front of Django: answers plain analyses by key itself, and leaves it the rest."""

    def __init__(self, django: Application) -> None:
        self._django = django

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or not _is_plain(environ):
            return self._django(environ, start_response)
        started = time.perf_counter()
        name = request_id_of(environ)
        token = request_id.set(name)
        try:
            with engine.live():
                answer = _answer(_Call(environ), started)
        finally:
            request_id.reset(token)
        if answer is None:
            return self._django(environ, start_response)
        headers, body = answer
        headers.append(("X-Request-ID", name))
        start_response("200 OK", headers)
        answer_count(VIEW, "POST", 200, time.perf_counter() - started)
        return [body]


def _answer(call: _Call, started: float) -> tuple[list[tuple[str, str]], bytes] | None:
    """Headers and body; None if Django is to answer."""
    options = _admitted(call)
    if options is None:
        return None
    try:
        body, version = request_answer(call, options, started)
        content = json_encode(body)
    except Exception as error:  # noqa: BLE001 - raised again where errors are worded
        failure_keep(call, error)
        return None
    known = call_of(call)
    call_settle(known, status=200, version=version)
    assert known.quota
    return [
        ("Content-Type", "application/json"),
        ("X-Model-Version", version),
        ("Allow", "POST, OPTIONS"),
        *known.quota.headers().items(),
        ("Content-Length", str(len(content))),
        *_constant_headers(_is_secure(call.META)),
    ], content


def _admitted(call: _Call) -> Options | None:
    """The options of a call that nothing speaks against."""
    environ = call.META
    try:
        principal = _principal(call)
        if principal is None:
            return None
        options = request_validate(_data(environ))
        if "model" in options:
            return None
        call_of(call).principal = principal
        documents_admit(call, texts_of(options))
    except (APIException, orjson.JSONDecodeError):
        return None
    return options


def _principal(call: _Call) -> Principal | None:
    """Who asks, if they may and no query is needed to know it."""
    key = api_key_of(call)
    principal = principal_known(key) if key else None
    if principal is None or principal.key is None:
        return None
    if not principal.scopes.issuperset(AnalyzeView.required_scopes):
        return None
    # A pinned version may have to be looked up.
    if principal.key.pinned_model or not principal.reaches_from(client_address(call)):
        return None
    key_used(principal.key.id)
    return principal


def _data(environ: Environ) -> object:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    # For Django, should it come to that.
    environ["wsgi.input"] = io.BytesIO(body)
    return orjson.loads(body)


def _is_plain(environ: Environ) -> bool:
    length = environ.get("CONTENT_LENGTH", "")
    return (
        environ["REQUEST_METHOD"] == "POST"
        and environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == "application/json"
        and not environ.get("QUERY_STRING")
        and length.isdecimal()
        and int(length) <= MAX_BODY
        and _host_allowed(environ.get("HTTP_HOST", ""))
        and (not settings.SECURE_SSL_REDIRECT or _is_secure(environ))
    )


def _is_secure(environ: Environ) -> bool:
    """As Django's ``request.is_secure()``."""
    if settings.SECURE_PROXY_SSL_HEADER:
        header, value = settings.SECURE_PROXY_SSL_HEADER
        if header in environ:
            return bool(environ[header].partition(",")[0].strip() == value)
    return bool(environ["wsgi.url_scheme"] == "https")


@lru_cache(maxsize=256)
def _host_allowed(host: str) -> bool:
    return validate_host(split_domain_port(host.lower())[0], settings.ALLOWED_HOSTS)


@lru_cache(maxsize=2)
def _constant_headers(secure: bool) -> tuple[tuple[str, str], ...]:  # noqa: FBT001 - for the cache
    """What Django's middleware would add to every answer."""
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": PATH, "wsgi.input": io.BytesIO()}
    request = WSGIRequest(environ | {"wsgi.url_scheme": "https" if secure else "http"})

    answer: Callable[[Any], Any] = _bare_answer
    for middleware in _MIDDLEWARE:
        answer = middleware(answer)
    return tuple(answer(request).items())


def _bare_answer(_: WSGIRequest) -> HttpResponse:
    response = HttpResponse()
    del response["Content-Type"]
    return response
