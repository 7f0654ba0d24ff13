"""More requests than can be worked on wait in a short line; past its end the answer is at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from django.conf import settings

from config.common.errors import API_PREFIX, error_body
from config.common.metrics import refusal_count
from config.common.middleware import request_id_of

# Requests at work at a time in each process. With fewer the queue in front of the model seldom has
# texts of a length to choose from; with more they only wait for the interpreter's lock.
SLOTS = 32
# Threads of the server beyond slots and line: they say no while all others wait.
SPARE = 16
_DETAIL = "More requests are waiting than can be answered in time; try again shortly."
_BODY = orjson.dumps(error_body("server_error", "queue_full", _DETAIL))
_HEADERS = (
    ("Content-Type", "application/json"),
    ("Content-Length", str(len(_BODY))),
    ("Retry-After", "1"),
    ("X-Content-Type-Options", "nosniff"),
)
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Admission:
    """WSGI, in front of Django: lets requests of the API in, has them wait, or refuses them.

    Without it they would wait in the server, in a line that nobody sees the end of. It stands
    outside of Django because saying no must cost nearly nothing: under an overload that is what
    most requests get, from the cores that should answer the others.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._free = SLOTS
        # A slot is handed to who waits longest; whoever just came must not slip in before them.
        self._line: deque[threading.Lock] = deque()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Probes and pages must not wait behind a crowd.
        if not environ["PATH_INFO"].startswith(API_PREFIX):
            return self._application(environ, start_response)
        if not self._enter():
            return _refuse(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._leave()

    def _enter(self) -> bool:
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            if len(self._line) >= settings.REQUEST_LINE:
                return False
            turn = threading.Lock()
            turn.acquire()
            self._line.append(turn)
        return turn.acquire(timeout=settings.INFERENCE_DEADLINE) or not self._give_up(turn)

    def _give_up(self, turn: threading.Lock) -> bool:
        """False if the slot was handed over at the last moment."""
        with self._lock:
            if turn not in self._line:
                return False
            self._line.remove(turn)
            return True

    def _leave(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().release()
            else:
                self._free += 1


def _refuse(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    refusal_count(environ["REQUEST_METHOD"])
    start_response(
        "503 Service Unavailable",
        [*_HEADERS, ("X-Request-ID", request_id_of(environ))],
    )
    return [_BODY]


def threads() -> int:
    """Threads that the server needs in each process."""
    return SLOTS + int(settings.REQUEST_LINE) + SPARE
