"""Whether this host answers nobody at the moment, as far as all its server processes know.

Each process has a small page of shared memory in one folder: how many requests it is answering,
and since when. Writing it takes a microsecond and asks nobody; whoever wants to know reads all.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import tempfile
import time
from pathlib import Path
from typing import IO

_PAGE_BYTES = 16
_PREFIX = "live-"
# A request that takes longer is an upload or the like, or its process hangs.
LONGEST_SECONDS = 10.0
# How often processes that started or ended are looked for.
LOOK_SECONDS = 1.0


class Board:
    """This process's page, the pages of all, and one lock for the whole host.

    The kernel's clock counts from the same moment for all of them. ``write`` is not for several
    threads at once, nor are ``quiet``, ``lock`` and ``unlock``.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        number, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        self._name, self._file = Path(name).name, os.fdopen(number, "r+b")
        # Held until the process ends, however it ends; others tell by it whether it lives. Only
        # then the page gets its size: an empty one is still being made.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.truncate(_PAGE_BYTES)
        self._page = memoryview(mmap.mmap(self._file.fileno(), _PAGE_BYTES)).cast("d")
        self._others: dict[str, memoryview[float]] = {}
        self._looked_at = -math.inf
        self._turn = (folder / "turn").open("ab")

    def write(self, answering: int) -> None:
        """Say that this process is *answering* so many requests from now on."""
        # In this order: who reads in between takes the host for busy, never for quiet.
        self._page[1] = time.monotonic()
        self._page[0] = answering

    def quiet(self) -> float:
        """Seconds since anybody was answered on this host; 0 while somebody is."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_SECONDS:
            self._looked_at = now
            self._look()
        return min(_quiet(page, now) for page in (self._page, *self._others.values()))

    def lock(self) -> bool:
        """Take the lock of this host; False if another process has it."""
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self) -> None:
        """Let others take it."""
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave: the others stop reading this process's page."""
        (self._folder / self._name).unlink(missing_ok=True)
        self._file.close()
        self._turn.close()

    def _look(self) -> None:
        """Find the pages of processes that came, forget those of processes that ended."""
        names = {path.name for path in self._folder.glob(f"{_PREFIX}*")}
        found: dict[str, memoryview[float]] = {}
        for name in names - {self._name}:
            page = self._page_of(name)
            if page is not None:
                found[name] = page
        self._others = found

    def _page_of(self, name: str) -> memoryview[float] | None:
        try:
            with (self._folder / name).open("rb") as file:
                if os.fstat(file.fileno()).st_size < _PAGE_BYTES:
                    return None
                if _abandoned(file):
                    (self._folder / name).unlink(missing_ok=True)
                    return None
                page = self._others.get(name)
                return page or memoryview(_mapped(file)).cast("d")
        except FileNotFoundError:
            return None


def _mapped(file: IO[bytes]) -> mmap.mmap:
    return mmap.mmap(file.fileno(), _PAGE_BYTES, access=mmap.ACCESS_READ)


def _abandoned(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _quiet(page: memoryview[float], now: float) -> float:
    answering, since = page[0], now - page[1]
    if since < 0:  # from before the machine started anew
        return math.inf
    return 0.0 if answering and since < LONGEST_SECONDS else since
