"""Work behind requests: they only note what is to be done, and one thread does it soon after."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.util import Finalize
from typing import TypeVar

from django.db import connections

logger = logging.getLogger(__name__)
Note = TypeVar("Note")


class Behind:
    """Calls *work* in a thread of its own *seconds* after it was woken, and at the process's end.

    A fork has a thread of its own when it is woken itself. What its parent had noted is the
    parent's to do: *forget* lets go of it, and of locks that a thread of the parent held.
    """

    def __init__(
        self,
        name: str,
        seconds: float,
        *,
        work: Callable[[], object],
        forget: Callable[[], object],
    ) -> None:
        self._name, self._seconds, self._work, self._forget = name, seconds, work, forget
        self._begin()
        os.register_at_fork(after_in_child=self._after_fork)

    def wake(self) -> None:
        """Say that something was noted. Nearly free: nearly always the thread knows already."""
        if self._thread is None:
            self._start()
        if not self._woken.is_set():
            self._woken.set()

    def flush(self) -> None:
        """Do now what was noted; what another thread has begun of it is done on return, too."""
        with self._working:
            self._work()

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._woken = threading.Event()
        self._starting, self._working = threading.Lock(), threading.Lock()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                thread.start()
                # Also where atexit is not asked: in a worker of the server, which is a child
                # process that ends without the interpreter's farewell.
                Finalize(None, self.flush, exitpriority=10)
                self._thread = thread

    def _run(self) -> None:
        while self._woken.wait():
            time.sleep(self._seconds)
            # First: what is noted from here on wakes the thread again.
            self._woken.clear()
            try:
                self.flush()
            except Exception:
                logger.exception("the thread %s goes on after this", self._name)
            finally:
                connections.close_all()

    def _after_fork(self) -> None:
        self._begin()
        self._forget()


def drained(noted: deque[Note]) -> Iterator[Note]:
    """Take out what was noted so far; what others append meanwhile is for the next time."""
    for _ in range(len(noted)):
        yield noted.popleft()
