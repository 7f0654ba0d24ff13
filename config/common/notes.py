"""What requests note for Prometheus, counted behind them.

A dozen writes into the files that all workers share, each with a lock, took a twelfth of our own
time in an answer: everything runs slowly right after a model has emptied the processor's caches.
A note is one append.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from config.common.behind import Behind

Note = TypeVar("Note")
# Requests stand still while notes are counted, unless that takes the interpreter's switch interval
# of 5 ms: those of so long take 1 to 2.5 ms at 2,500 requests a second. Nobody looks at metrics
# more often than every few seconds.
COUNT_SECONDS = 0.1


class Notes:
    """Each is counted exactly once, with all others of its kind."""

    def __init__(self) -> None:
        # Appended to without a lock, by any thread at any time; what is taken out is gone.
        self._noted: deque[tuple[Callable[[Sequence[Any]], None], Any]] = deque()
        self._behind = Behind("metrics", COUNT_SECONDS, work=self._count, forget=self._noted.clear)

    def add(self, kind: Callable[[Sequence[Note]], None], note: Note) -> None:
        """Have *kind*, a function of a module, called with *note* and others like it."""
        self._noted.append((kind, note))
        self._behind.wake()

    def flush(self) -> None:
        """Count now whatever was noted before."""
        self._behind.flush()

    def _count(self) -> None:
        kinds: defaultdict[Callable[[Sequence[Any]], None], list[Any]] = defaultdict(list)
        # Only one thread takes notes out at a time; those that come meanwhile are for the next.
        for _ in range(len(self._noted)):
            kind, note = self._noted.popleft()
            kinds[kind].append(note)
        for kind, noted in kinds.items():
            kind(noted)


notes = Notes()
