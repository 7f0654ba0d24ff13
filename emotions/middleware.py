"""Tells the engine as early as can be that somebody waits for an answer."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config.common.errors import API_PREFIX
from emotions.engine import engine


class LiveMiddleware:
    """Stops shadows while a text that came by POST is on its way to its answer.

    From the first line on: finding out who asks would be slowed down as much as the model.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.path_info.startswith(API_PREFIX):
            return self.get_response(request)
        with engine.live():
            return self.get_response(request)
