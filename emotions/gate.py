"""The gate in front of shadow passes: one at a time on a host, and only while it answers nobody.

Priority alone is not enough. Cores share their caches and their way to memory, hardware threads
even their arithmetic: a large model beside a small one made the small one's answers take twice
as long. A pass that has begun is stopped where it is when a request comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emotions.quiet import Board
from mlops.inference.child import Child

# How often a process looks whether another one's pass is over.
TURN_SECONDS = 0.01
# However long it has to be quiet: the server may end, or the arm leave.
REST_SECONDS = 0.1


class Gate:
    """Stops the pass of this process's shadows while anybody on this host is answered.

    Args:
        folder: of the host's server processes, on a disk of the host.
        quiet: seconds without a live text before a pass begins or goes on; 0 lets passes run at
            any time, beside those of other processes.
    """

    def __init__(self, folder: Path, quiet: float) -> None:
        self._board, self._quiet = Board(folder), quiet
        self._lock = threading.Lock()
        self._live = 0
        self._child: Child | None = None
        self._stopped = False
        # How often a pass was stopped because a text came.
        self.pauses = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Somebody is answered meanwhile: no pass goes on."""
        with self._lock:
            self._live += 1
            self._board.write(self._live)
            self._stop()
        try:
            yield
        finally:
            with self._lock:
                self._live -= 1
                self._board.write(self._live)

    @contextmanager
    def turn(self, over: Callable[[], bool]) -> Iterator[bool]:
        """Wait until it is quiet and no other process's pass runs; False if *over* before."""
        granted = self._wait(over)
        try:
            yield granted
        finally:
            if granted:
                self._board.unlock()

    @contextmanager
    def computing(self, child: Child) -> Iterator[None]:
        """*child* computes meanwhile, as far as the gate lets it."""
        with self._lock:
            self._child, self._stopped = child, False
            if self._live:
                self._stop()
        try:
            yield
        finally:
            with self._lock:
                self._go_on()
                self._child = None

    def heed(self) -> None:
        """To be called every few milliseconds of a pass: texts of other processes stop it, too.

        Returns late while the pass is stopped: there is nothing to wait for then.
        """
        remaining = self._quiet - self._board.quiet()
        with self._lock:
            if remaining > 0 or self._live:
                self._stop()
            else:
                self._go_on()
        if self._quiet:
            _rest(max(remaining, 0.0))

    def close(self) -> None:
        """Leave the host's board."""
        self._board.close()

    def _wait(self, over: Callable[[], bool]) -> bool:
        while not over():
            remaining = self._quiet - self._board.quiet()
            if remaining <= 0 and (not self._quiet or self._board.lock()):
                return True
            _rest(max(remaining, TURN_SECONDS))
        return False

    def _stop(self) -> None:
        if self._child and self._quiet and not self._stopped:
            self._stopped = True
            self.pauses += 1
            self._child.pause()

    def _go_on(self) -> None:
        if self._child and self._stopped:
            self._stopped = False
            self._child.go_on()


def _rest(seconds: float) -> None:
    time.sleep(min(seconds, REST_SECONDS))
