"""More requests than can be worked on wait in a short line; past its end the answer is at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.common.errors import API_PREFIX, error_answer

# Requests at work at a time in each process. More answered cached texts slower, since they share
# one interpreter lock, and uncached ones no faster.
SLOTS = 16
# Threads of the server beyond slots and line: they say no while all others wait.
SPARE = 16


class AdmissionMiddleware:
    """Lets requests of the API in, has them wait, or refuses them before any work is done.

    Without it they would wait in the server, in a line that nobody sees the end of.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._lock = threading.Lock()
        self._free = SLOTS
        # A slot is handed to who waits longest; whoever just came must not slip in before them.
        self._line: deque[threading.Lock] = deque()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Probes and pages must not wait behind a crowd.
        if not request.path_info.startswith(API_PREFIX):
            return self.get_response(request)
        if not self._enter():
            detail = "More requests are waiting than can be answered in time; try again shortly."
            answer = error_answer(503, "server_error", "queue_full", detail)
            answer["Retry-After"] = "1"
            return answer
        try:
            return self.get_response(request)
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


def threads() -> int:
    """Threads that the server needs in each process."""
    return SLOTS + int(settings.REQUEST_LINE) + SPARE
