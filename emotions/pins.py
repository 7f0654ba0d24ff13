"""Versions that callers asked for by name: loaded on demand, few at a time, let go when idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.db import DatabaseError

from mlops.inference.errors import NotReadyError
from mlops.routing.table import Serving

# How long a name is believed to mean the same version.
RESOLVE_SECONDS = 2.0
# A version nobody asked for in so long is let go.
IDLE_SECONDS = 600.0
# One that was asked for since then is not pushed out by another name.
HOLD_SECONDS = 60.0
# Names remembered; each is a few hundred bytes.
MAX_NAMES = 1_000


class PinsFullError(NotReadyError):
    """Other versions are in use and there is no room for one more."""

    code = "pins_full"


class VersionLoadingError(NotReadyError):
    """The version is being loaded, or cannot be."""

    code = "version_loading"


class Pins:
    """Which versions are pinned at the moment; at most *capacity*."""

    def __init__(self, resolve: Callable[[str], Serving], capacity: int) -> None:
        self._resolve, self._capacity = resolve, capacity
        self._names: dict[str, tuple[float, Serving]] = {}
        self._used: dict[str, tuple[float, Serving]] = {}
        self._lock = threading.Lock()

    def named(self, name: str) -> Serving:
        """The version that *name* means.

        Raises:
            LookupError: if there is none.
        """
        now = time.monotonic()
        known = self._names.get(name)
        if known and known[0] > now:
            return known[1]
        try:
            serving = self._resolve(name)
        except DatabaseError:
            # Whoever could have moved the name would have needed the database as well.
            if known is None:
                raise
            serving = known[1]
        with self._lock:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            self._names[name] = (now + RESOLVE_SECONDS, serving)
        return serving

    def use(self, serving: Serving) -> bool:
        """Note that *serving* is asked for; True if it was not before.

        Raises:
            PinsFullError: if all places are taken by versions asked for within a minute.
        """
        now = time.monotonic()
        with self._lock:
            new = serving.digest not in self._used
            if new and len(self._used) >= self._capacity:
                self._make_room(now)
            self._used[serving.digest] = (now, serving)
        return new

    def servings(self) -> list[Serving]:
        """The versions to keep in memory."""
        least = time.monotonic() - IDLE_SECONDS
        with self._lock:
            self._used = {each: used for each, used in self._used.items() if used[0] > least}
            return [serving for _, serving in self._used.values()]

    def _make_room(self, now: float) -> None:
        if self._capacity:
            digest, (used, _) = min(self._used.items(), key=lambda item: item[1][0])
            if used < now - HOLD_SECONDS:
                del self._used[digest]
                return
        raise PinsFullError(f"{self._capacity} pinned versions are in use already")
