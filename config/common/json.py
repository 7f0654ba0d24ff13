"""JSON in and out with orjson: strict about UTF-8 and surrogates, and several times faster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any

import orjson
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

# 100 texts of 20,000 characters, each at most 12 bytes ("\\ud83d\\ude00"), and room for the rest.
MAX_BODY_BYTES = 25_000_000


def json_encode(data: object) -> bytes:
    """*data* as UTF-8 JSON without spaces."""
    return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


class BodyTooLargeError(APIException):
    """The body is past the limit; it was not read."""

    status_code = 413
    default_code = "body_too_large"
    default_detail = f"The request body must be at most {MAX_BODY_BYTES:,} bytes."


class JsonParser(BaseParser):
    """``application/json`` only."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The decoded body.

        Raises:
            BodyTooLargeError: past ``MAX_BODY_BYTES``.
            ParseError: for invalid JSON, invalid UTF-8 or a lone surrogate, with the position.
        """
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLargeError
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}") from error


class JsonRenderer(BaseRenderer):
    """UTF-8 JSON without spaces."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """*data* as bytes; nothing at all for an empty answer."""
        if isinstance(renderer_context, dict):
            _let_go(renderer_context)
        if data is None:
            return b""
        return json_encode(data)


def _let_go(context: dict[str, Any]) -> None:
    """Undo the circles in which view, request and answer hold each other: nobody asks again.

    With them each request would stay, some 20 kB, until the collector has looked for it.
    """
    request = context.get("request")
    if isinstance(request, Request) and request.parser_context:
        request.parser_context.clear()
    context.clear()


class AlwaysJson(BaseContentNegotiation):
    """Answers JSON whatever ``Accept`` says: a 406 has helped nobody yet."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser for the body's content type; None makes the answer 415."""
        content_type = (request.content_type or "").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """The first renderer of the view."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or ""
