"""Which cores a server process runs on, where each is to keep to its own (``PIN_WORKERS``).

Threads that share Python's lock hand it to each other a hundred thousand times a minute. On one
core that is a switch; across two it is a wake-up and cold caches each time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# A share is a process's as long as it holds the lock on the share's file; whoever comes in place
# of one that died takes its share over.
_held: list[IO[bytes]] = []


def cores() -> int:
    """The processor cores that this process may use."""
    return len(core_numbers()) or os.cpu_count() or 1


def core_numbers() -> list[int]:
    """Their numbers; none where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Keep this thread to one core meanwhile, the cores counted around and around."""
    places = core_numbers()
    if places:
        os.sched_setaffinity(0, {places[number % len(places)]})
    try:
        yield
    finally:
        if places:
            os.sched_setaffinity(0, places)


def shares(allowed: Sequence[int], workers: int) -> list[list[int]]:
    """As many cores for each of *workers*; none at all if that cannot be."""
    if not allowed or len(allowed) % workers:
        return []
    each = len(allowed) // workers
    return [list(allowed[start : start + each]) for start in range(0, len(allowed), each)]


def share_claim(workers: int, folder: Path) -> list[int]:
    """Keep this process, with all its threads, to a share that no other one of *folder* has.

    Returns:
        The cores; none if there is no share to be had, and it runs wherever it did.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, share in enumerate(shares(core_numbers(), workers)):
        lock = (folder / str(number)).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _held.append(lock)
        # Later threads inherit it from those that start them.
        for thread in Path("/proc/self/task").iterdir():
            os.sched_setaffinity(int(thread.name), share)
        return share
    return []
