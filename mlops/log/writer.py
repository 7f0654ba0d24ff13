"""From the spool to the database: one thread per process, in groups, off the request's path."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db import InterfaceError, OperationalError, ProgrammingError, connection

from mlops.log import metrics
from mlops.log.rows import Row, VersionInfo, rows_of
from mlops.log.spool import (
    SEGMENT_BYTES,
    Segment,
    Spool,
    segments_adopt,
    spool_files,
    spool_since,
)
from mlops.log.store import rows_store
from mlops.models import ModelVersion

logger = logging.getLogger(__name__)
# One transaction: large enough that its cost vanishes, small enough to hold no lock for long.
BATCH_FRAMES = 5_000
# How often a process looks for files whose process died.
ADOPT_SECONDS = 10.0
# The database is away, or not migrated yet: the rows wait.
_AWAY = (OperationalError, InterfaceError, ProgrammingError)


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """``seconds``: how long rows gather; ``bytes``: what the spool may hold."""

    seconds: float
    bytes: int


class Writer:
    """Seals this process's spools, adopts those of the dead, and moves both into the table."""

    def __init__(self, folder: Path, spools: Sequence[Spool], limits: WriterLimits) -> None:
        self._folder, self._spools, self._limits = folder, spools, limits
        self._kept: list[Segment] = []
        self._versions: dict[str, VersionInfo] = {}
        self._moving = threading.Lock()
        self._adopted_at = float("-inf")
        self._full = threading.Event()
        self.work = threading.Event()
        # Why the last attempt failed; empty while all is well.
        self.error = ""
        # Whether the spool holds more than it may: bulk work waits then.
        self.full = False

    def run(self) -> None:
        """Move what gathers, for ever."""
        while True:
            if self.work.wait(ADOPT_SECONDS):
                self._full.wait(self._limits.seconds)
                self._full.clear()
                self.work.clear()
            try:
                self.drain()
            except Exception:
                logger.exception("the request log's writer goes on after this")
            finally:
                connection.close()

    def hurry(self) -> None:
        """Enough has gathered for a group: do not wait for the time."""
        self._full.set()

    def drain(self) -> bool:
        """Move everything that can be moved now; whether nothing is left."""
        with self._moving:
            # Twice where files had to wait: what was appended meanwhile is still open.
            for _ in range(2 if self._kept else 1):
                self._gather()
                while self._kept and self._move(self._kept[0]):
                    self._kept.pop(0)
            if self._kept:
                self.work.set()  # try again
            self._observe()
            return not self._kept

    def leave(self) -> None:
        """At the end of the process: one last attempt; what stays is for others to adopt."""
        self.drain()
        for segment in self._kept:
            segment.release()
        self._kept.clear()
        for spool in self._spools:
            spool.close()

    def _gather(self) -> None:
        """While the database is away files grow instead of multiplying."""
        waiting = bool(self._kept)
        for spool in self._spools:
            if not waiting or spool.size > SEGMENT_BYTES:
                sealed = spool.seal()
                self._kept.extend([sealed] if sealed else [])
        if time.monotonic() - self._adopted_at > ADOPT_SECONDS:
            self._adopted_at = time.monotonic()
            self._kept.extend(segments_adopt(self._folder))

    def _move(self, segment: Segment) -> bool:
        """Whether *segment* is done with: what can be is in the table."""
        refused = 0
        try:
            for rows in self._batches(segment):
                refused += self._store(rows)
        except _AWAY as error:
            self._failed(f"{type(error).__name__}: {error}".strip())
            return False
        self.error = ""
        if refused:
            bad = segment.path.with_suffix(".bad")
            logger.error("%d predictions were refused; they stay in %s", refused, bad)
            metrics.LOST.labels("refused").inc(refused)
            segment.path.rename(bad)
            segment.release()
        else:
            segment.discard()
        return True

    def _store(self, rows: Sequence[Row]) -> int:
        """Add *rows*, but for those that the database refuses; how many that were."""
        try:
            metrics.ROWS.inc(rows_store(connection, rows))
        except _AWAY:
            raise
        except Exception:
            if len(rows) == 1:
                logger.exception("a prediction that the database refuses: %s", rows[0][0])
                return 1
            half = len(rows) // 2
            return self._store(rows[:half]) + self._store(rows[half:])
        return 0

    def _failed(self, error: str) -> None:
        if not self.error:  # once, not at every attempt
            logger.error("the request log waits in the spool: %s", error)
        self.error = error
        connection.close()

    def _batches(self, segment: Segment) -> Iterator[list[Row]]:
        frames = segment.frames()
        while some := list(itertools.islice(frames, BATCH_FRAMES)):
            rows, unreadable = rows_of(some, self._version)
            if unreadable:
                logger.error("%d frames of %s could not be read", unreadable, segment.path)
                metrics.LOST.labels("unreadable").inc(unreadable)
            if rows:
                yield rows

    def _version(self, digest: str) -> VersionInfo | None:
        known = self._versions.get(digest)
        if known is None:
            found = ModelVersion.objects.filter(digest=digest).only("pk", "manifest").first()
            if found is None:
                return None
            thresholds = np.asarray(found.manifest["thresholds"], dtype=np.float32)
            known = VersionInfo(found.pk, tuple(found.product_labels), thresholds)
            self._versions[digest] = known
        return known

    def _observe(self) -> None:
        files = spool_files(self._folder)
        total = sum(size for _, size in files)
        since = spool_since(self._folder)
        metrics.SPOOL_BYTES.set(total)
        metrics.LAG.set(max(0.0, time.time() - since) if since else 0.0)
        if total > self._limits.bytes:
            total -= self._shadows_drop(total - self._limits.bytes)
        self.full = total > self._limits.bytes

    def _shadows_drop(self, excess: int) -> int:
        """Delete the oldest sealed shadow files, at least *excess* bytes if there are."""
        freed, sealed = 0, [spool.seal() for spool in self._spools if spool.kind == "shadow"]
        self._kept.extend(segment for segment in sealed if segment)
        for segment in [each for each in self._kept if each.path.name.startswith("shadow-")]:
            if freed >= excess:
                break
            freed += segment.size
            documents = sum(len(rows) for rows in self._batches(segment))
            logger.error("the spool is full: %d shadow predictions are dropped", documents)
            metrics.LOST.labels("shadow_dropped").inc(documents)
            self._kept.remove(segment)
            segment.discard()
        return freed
