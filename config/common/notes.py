"""What requests note for Prometheus, counted behind them.

A dozen writes into the files that all workers share, each with a lock, took a twelfth of our own
time in an answer: everything runs slowly right after a model has emptied the processor's caches.
A note is one append.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from prometheus_client import Histogram

from config.common.behind import Behind, drained

Note = TypeVar("Note")
# Requests stand still while notes are counted, which at 2,500 requests a second takes those of so
# long one or two milliseconds. Nobody looks at metrics more often than every few seconds.
COUNT_SECONDS = 0.25


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
        # By one thread at a time: the one that has the lock of what is done behind.
        for kind, note in drained(self._noted):
            kinds[kind].append(note)
        for kind, noted in kinds.items():
            kind(noted)


notes = Notes()


class BulkHistogram(Histogram):
    """A histogram that takes many values with a write for each bucket that they fall into."""

    def observe_all(self, values: Sequence[float]) -> None:
        """As ``observe`` for each of *values*."""
        buckets = Counter(bisect_left(self._upper_bounds, value) for value in values)
        for bucket, count in buckets.items():
            self._buckets[bucket].inc(count)
        self._sum.inc(sum(values))
