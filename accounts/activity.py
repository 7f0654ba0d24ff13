"""What is written about use: documents by day, a key's last use. Never on a request's path.

Requests only note it in memory; one thread adds it up and writes it every few seconds and at exit.
kill -9 loses at most that many seconds of counts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import ApiKey, Usage
from config.common.behind import Behind, drained

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 3.0
# What people look at is a day or an hour; a write a minute per key is plenty.
LAST_USED_SECONDS = 60.0


class UsageKey(NamedTuple):
    """What is counted apart."""

    user_id: UUID
    day: date
    key: str
    model: str


@dataclass(slots=True)
class _Pending:
    usage: dict[UsageKey, list[int]] = field(default_factory=dict)
    last_used: dict[int, datetime] = field(default_factory=dict)
    digests: dict[int, tuple[str, int]] = field(default_factory=dict)


class ActivityRecorder:
    """Adds up in memory, writes behind."""

    def __init__(self) -> None:
        self._last_used: dict[int, float] = {}
        self._begin()
        self._behind = Behind("activity", FLUSH_SECONDS, work=self._write, forget=self._begin)

    def usage_add(self, *, user_id: UUID, key: str, model: str, documents: int) -> None:
        """Count one answered request of so many documents."""
        self._noted.append((time.time(), user_id, key, model, documents))
        self._behind.wake()

    def key_used(self, key_id: int) -> None:
        """Note that a key was used; written at most once a minute."""
        now = time.monotonic()
        if now - self._last_used.get(key_id, -LAST_USED_SECONDS) < LAST_USED_SECONDS:
            return
        with self._lock:
            self._last_used[key_id] = now
            self._pending.last_used[key_id] = timezone.now()
        self._behind.wake()

    def key_rehash(self, key_id: int, digest: str, pepper_number: int) -> None:
        """Keep a key's hash under the current pepper, so that the old one can be retired."""
        with self._lock:
            self._pending.digests[key_id] = (digest, pepper_number)
        self._behind.wake()

    def flush(self) -> None:
        """Write everything that is pending; what cannot be written stays pending."""
        self._behind.flush()

    def _begin(self) -> None:
        self._lock, self._pending = threading.Lock(), _Pending()
        # Appended to without a lock by every answer; only the thread behind takes out.
        self._noted: deque[tuple[float, UUID, str, str, int]] = deque()

    def _write(self) -> None:
        with self._lock:
            pending, self._pending = self._pending, _Pending()
        for at, user_id, key, model, documents in drained(self._noted):
            _usage_sum(pending.usage, UsageKey(user_id, _day(at), key, model), (1, documents))
        try:
            _write(pending)
        except Exception as error:  # noqa: BLE001 - whatever happens, nothing may be lost
            logger.warning("usage could not be written; it is kept: %r", error)
            self._put_back(pending)

    def _put_back(self, pending: _Pending) -> None:
        with self._lock:
            for key, counts in pending.usage.items():
                _usage_sum(self._pending.usage, key, counts)
            self._pending.last_used = {**pending.last_used, **self._pending.last_used}
            self._pending.digests = {**pending.digests, **self._pending.digests}
        self._behind.wake()


def _usage_sum(usage: dict[UsageKey, list[int]], key: UsageKey, counts: Sequence[int]) -> None:
    kept = usage.setdefault(key, [0, 0])
    kept[:] = [kept[0] + counts[0], kept[1] + counts[1]]


def _day(moment: float) -> date:
    return datetime.fromtimestamp(moment, UTC).date()


def _write(pending: _Pending) -> None:
    """Write *pending*, taking out of it what was written."""
    while pending.usage:
        key, counts = next(iter(pending.usage.items()))
        _usage_write(key, requests=counts[0], documents=counts[1])
        del pending.usage[key]
    _keys_write(pending.last_used, pending.digests)


def _usage_write(key: UsageKey, *, requests: int, documents: int) -> None:
    row = {"user_id": key.user_id, "day": key.day, "key": key.key, "model": key.model}
    added = {"requests": F("requests") + requests, "documents": F("documents") + documents}
    if Usage.objects.filter(**row).update(**added):
        return
    try:
        with transaction.atomic():
            Usage.objects.create(**row, requests=requests, documents=documents)
    except IntegrityError:
        # Another process was first, or the user is gone: then there is nothing to count.
        Usage.objects.filter(**row).update(**added)


def _keys_write(last_used: Mapping[int, datetime], digests: Mapping[int, tuple[str, int]]) -> None:
    for key_id, at in last_used.items():
        old = Q(last_used_at=None) | Q(last_used_at__lt=at - timedelta(seconds=LAST_USED_SECONDS))
        ApiKey.objects.filter(old, pk=key_id).update(last_used_at=at)
    for key_id, (digest, pepper_number) in digests.items():
        ApiKey.objects.filter(pk=key_id).update(digest=digest, pepper_number=pepper_number)


recorder = ActivityRecorder()
