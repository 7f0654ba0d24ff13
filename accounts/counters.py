"""Counters of documents in fixed windows: all-or-nothing, in Redis or in this process.

django-ratelimit counts requests, one at a time; a batch of 64 has to count 64 or not at all, in
two windows at once. So documents are counted here and requests (log-in, failures) there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException

logger = logging.getLogger(__name__)

# After a failure Redis is left alone for so long: a request must not wait for every timeout.
OUTAGE_SECONDS = 2.0
# Callers remembered by one process before those of past windows are dropped.
MAX_COUNTS = 20_000

# One step for Redis: nobody counts between the look and the addition.
_TAKE = """
local cost, used, fits = tonumber(ARGV[1]), {}, 1
for i, key in ipairs(KEYS) do
  used[i] = tonumber(redis.call('GET', key) or '0')
  local after = used[i] + cost
  if after > tonumber(ARGV[2 * i]) or after < 0 then fits = 0 end
end
if fits == 1 and cost ~= 0 then
  for i, key in ipairs(KEYS) do
    used[i] = redis.call('INCRBY', key, cost)
    if used[i] == cost then redis.call('EXPIRE', key, ARGV[2 * i + 1]) end
  end
end
used[#KEYS + 1] = fits
return used
"""


class Window(NamedTuple):
    """At most *limit* documents in each *seconds* of the clock (UTC)."""

    name: str
    seconds: int
    limit: int

    def number(self, now: float) -> int:
        """Which window *now* (Unix time) falls into."""
        return int(now) // self.seconds

    def resets_in(self, now: float) -> int:
        """Whole seconds until the next one, at least 1."""
        return self.seconds - int(now) % self.seconds


class Taken(NamedTuple):
    """Whether the documents fitted, and what each window holds now."""

    fits: bool
    used: tuple[int, ...]


class LimiterUnavailableError(APIException):
    """Only with RATE_LIMIT_STORE_DOWN=refuse."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "limiter_unavailable"
    default_detail = "Limits cannot be counted at the moment; try again shortly."
    wait = int(OUTAGE_SECONDS)


class Counter(Protocol):
    """Adds *cost* to all *windows* of *subject*, or to none.

    A negative one gives back; not what was taken from a window that has passed.
    """

    def take(self, subject: str, windows: Sequence[Window], cost: int, now: float) -> Taken: ...


class MemoryCounter:
    """Counts for this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, int], tuple[int, int]] = {}

    def take(self, subject: str, windows: Sequence[Window], cost: int, now: float) -> Taken:
        """As ``Counter``."""
        with self._lock:
            used = [self._used(subject, window, now) for window in windows]
            fits = all(
                0 <= count + cost <= window.limit
                for count, window in zip(used, windows, strict=True)
            )
            if fits and cost:
                used = [count + cost for count in used]
                for count, window in zip(used, windows, strict=True):
                    self._counts[subject, window.seconds] = (window.number(now), count)
                self._drop_past(now)
        return Taken(fits, tuple(used))

    def _used(self, subject: str, window: Window, now: float) -> int:
        number, count = self._counts.get((subject, window.seconds), (0, 0))
        return count if number == window.number(now) else 0

    def _drop_past(self, now: float) -> None:
        if len(self._counts) > MAX_COUNTS:
            self._counts = {
                (subject, seconds): (number, count)
                for (subject, seconds), (number, count) in self._counts.items()
                if number == int(now) // seconds
            }


class RedisCounter:
    """Counts for all processes; in this one alone while Redis is away."""

    def __init__(self, *, serve_without_store: bool) -> None:
        self._script: Any = None
        self._local = MemoryCounter()
        self._serve_without_store = serve_without_store
        self._away_until = 0.0

    def take(self, subject: str, windows: Sequence[Window], cost: int, now: float) -> Taken:
        """As ``Counter``.

        Raises:
            LimiterUnavailableError: if Redis is away and that is to be refused.
        """
        from redis.exceptions import RedisError

        if time.monotonic() >= self._away_until:
            try:
                return self._take(subject, windows, cost, now)
            except RedisError as error:
                self._away_until = time.monotonic() + OUTAGE_SECONDS
                logger.warning("limits are counted in this process: Redis failed: %s", error)
        if not self._serve_without_store:
            raise LimiterUnavailableError
        return self._local.take(subject, windows, cost, now)

    def _take(self, subject: str, windows: Sequence[Window], cost: int, now: float) -> Taken:
        # The braces keep a subject's counters on one node of a Redis cluster.
        keys = [f"valence:documents:{{{subject}}}:{w.seconds}:{w.number(now)}" for w in windows]
        arguments = [cost]
        for window in windows:
            arguments += [window.limit, window.seconds + 60]
        if self._script is None:
            from django_redis import get_redis_connection

            self._script = get_redis_connection("default").register_script(_TAKE)
        *used, fits = self._script(keys=keys, args=arguments)
        return Taken(bool(fits), tuple(map(int, used)))


def counter_create() -> Counter:
    """The counter that the settings ask for."""
    if not settings.REDIS_URL:
        return MemoryCounter()
    return RedisCounter(serve_without_store=settings.RATE_LIMIT_STORE_DOWN == "serve")
