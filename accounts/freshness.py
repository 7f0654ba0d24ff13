"""A small cache of what the database says, never older than two seconds while it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.db import DatabaseError

from config.common.errors import DatabaseUnavailableError

V = TypeVar("V")

# One thread loads anew after this long; the others go on with what is known.
SOFT_SECONDS = 0.75
# Nobody is answered from anything older. Leaves half a second of the promised two for the query.
HARD_SECONDS = 1.5
# While the database is down: a revocation could not have been written anyway.
OUTAGE_SECONDS = 300.0
# About 2 kB each.
MAX_ENTRIES = 10_000


class StoreUnavailableError(DatabaseUnavailableError):
    """The database does not answer and nothing is known of this caller."""

    default_detail = "Who is asking cannot be looked up at the moment; try again shortly."


@dataclass(slots=True)
class _Entry(Generic[V]):
    value: V
    # When loading began: what was written since then may be missing, nothing older.
    checked_at: float
    loaded_at: float
    loading: threading.Lock = field(default_factory=threading.Lock)


class FreshCache(Generic[V]):
    """Values by key, loaded again by the first caller that finds them old."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries: dict[Hashable, _Entry[V]] = {}
        self._clock = clock
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], V | None]) -> V | None:
        """The value of *key*; *load* returns None for what does not exist, which is not kept.

        Raises:
            StoreUnavailableError: if the database fails and nothing recent enough is known.
        """
        entry, now = self._entries.get(key), self._clock()
        if entry is None:
            return self._load(key, load, None)
        age = now - entry.checked_at
        if age < SOFT_SECONDS:
            return entry.value
        if entry.loading.acquire(blocking=False):
            try:
                return self._load(key, load, entry)
            finally:
                entry.loading.release()
        return entry.value if age < HARD_SECONDS else self._load(key, load, entry)

    def peek(self, key: Hashable) -> V | None:
        """The value of *key* if it is known and need not be loaded again yet."""
        entry = self._entries.get(key)
        if entry is None or self._clock() - entry.checked_at >= SOFT_SECONDS:
            return None
        return entry.value

    def forget(self, key: Hashable) -> None:
        """Have the next caller load *key* anew."""
        with self._lock:
            self._entries.pop(key, None)

    def _load(
        self, key: Hashable, load: Callable[[], V | None], entry: _Entry[V] | None
    ) -> V | None:
        started = self._clock()
        try:
            value = load()
        except DatabaseError as error:
            if entry is None or started - entry.loaded_at > OUTAGE_SECONDS:
                raise StoreUnavailableError from error
            entry.checked_at = started  # asked again after the next soft limit, not every time
            return entry.value
        if value is None:
            self.forget(key)
        else:
            self._put(key, _Entry(value, started, started))
        return value

    def _put(self, key: Hashable, entry: _Entry[V]) -> None:
        with self._lock:
            self._entries[key] = entry
            while len(self._entries) > MAX_ENTRIES:
                del self._entries[next(iter(self._entries))]  # the one that was loaded first
