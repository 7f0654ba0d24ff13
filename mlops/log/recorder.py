"""The one way into the request log: an append to the spool before the answer leaves."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from mlops.log import metrics
from mlops.log.ids import id_text
from mlops.log.privacy import texts_keep
from mlops.log.records import Document, Request, request_pack
from mlops.log.spool import Spool, spool_files, spool_since

if TYPE_CHECKING:
    from mlops.log.writer import Writer

logger = logging.getLogger(__name__)
# About 5,000 predictions: a group that need not wait for more.
HURRY_BYTES = 1_000_000
# A full disk is said once in so long, not with every answer.
ALARM_SECONDS = 60.0


class Recorder:
    """Appends to the spools of this process, and runs their writer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._live, self._shadow = Spool(folder, "live"), Spool(folder, "shadow")
        self._writer: Writer | None = None
        self._starting = threading.Lock()
        self._alarmed_at = float("-inf")
        self.lost = 0
        os.register_at_fork(after_in_child=self._after_fork)

    def record(self, request: Request, documents: Sequence[Document]) -> list[str]:
        """Add one prediction for each of *documents*; their ids, in order.

        Never raises for a full disk: the answer goes on, the loss is counted and said.
        """
        kept = texts_keep(documents, request.caller.text_logging)
        payload, ids = request_pack(request, documents, kept)
        spool = self._shadow if request.exposure.shadow else self._live
        try:
            spool.append(payload)
        except OSError as error:
            self._alarm(error, len(documents))
        writer = self._writer or self.start()
        if not writer.work.is_set():
            writer.work.set()
        if spool.size > HURRY_BYTES:
            writer.hurry()
        return [id_text(each) for each in ids]

    def start(self) -> Writer:
        """Run the writer, which also moves what dead processes left behind."""
        from mlops.log.writer import Writer, WriterLimits

        with self._starting:
            if self._writer is None:
                limits = WriterLimits(settings.LOG_COMMIT_SECONDS, settings.LOG_SPOOL_BYTES)
                writer = Writer(self._folder, (self._live, self._shadow), limits)
                threading.Thread(target=writer.run, name="request-log", daemon=True).start()
                # Also where atexit is not asked, as in a worker of the server.
                Finalize(None, writer.leave, exitpriority=5)
                self._writer = writer
            return self._writer

    def drain(self) -> bool:
        """Move everything into the table now; whether nothing is left."""
        return self.start().drain()

    def bulk_refused(self) -> bool:
        """Whether the spool holds so much that bulk work must wait."""
        return self._writer is not None and self._writer.full

    def state(self) -> dict[str, object]:
        """For readiness: what waits, since when, what was lost, and why nothing moves."""
        files, since = spool_files(self._folder), spool_since(self._folder)
        state: dict[str, object] = {
            "spool_bytes": sum(size for _, size in files),
            "lag_seconds": round(max(0.0, time.time() - since), 1) if since else 0.0,
            "lost": self.lost,
        }
        if self._writer and self._writer.error:
            state["warning"] = self._writer.error.splitlines()[0]
        return state

    def _alarm(self, error: OSError, documents: int) -> None:
        self.lost += documents
        metrics.LOST.labels("spool").inc(documents)
        if time.monotonic() - self._alarmed_at > ALARM_SECONDS:
            self._alarmed_at = time.monotonic()
            logger.error(
                "the spool %s cannot be written (%s): %d predictions of this process are lost",
                *(self._folder, error.strerror, self.lost),
            )

    def _after_fork(self) -> None:
        self._writer, self._starting = None, threading.Lock()


recorder = Recorder(settings.LOG_SPOOL_DIR)
