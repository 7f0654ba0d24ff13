"""Versions that a process loads for those that it forks: they share its memory.

What a child only reads stays one copy in the machine's memory: weights, vocabulary, code.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable

from mlops.inference.backends import RuntimeOptions, survives_fork
from mlops.inference.classifier import Classifier
from mlops.inference.manifest import manifest_read
from mlops.inference.memory import memory_release
from mlops.routing.table import RoutingTable, Serving

logger = logging.getLogger(__name__)


class Preloaded:
    """The versions loaded here or in the process that this one was forked from."""

    def __init__(self) -> None:
        self._classifiers: dict[str, Classifier] = {}
        # Those that the parent holds, as far as its children know.
        self._held: set[str] = set()
        self._parent = 0

    def load(self, routing: Callable[[], RoutingTable], runtime: RuntimeOptions) -> None:
        """Load what *routing* names and a fork leaves intact; before there are threads.

        Never fails: a child loads what is missing, and says why where it cannot.
        """
        self._parent = os.getpid()
        signal.signal(signal.SIGUSR1, lambda *_: self._let_go())
        try:
            for serving in routing().servings():
                self._load(serving, runtime)
        except Exception as error:  # noqa: BLE001 - whatever it is, a server without it is of use
            logger.warning("not loaded ahead of the workers: %s: %s", type(error).__name__, error)

    def take(self, digest: str) -> Classifier | None:
        """The version of *digest*, once; None if it was not loaded ahead."""
        return self._classifiers.pop(digest, None)

    def keep(self, digests: set[str]) -> None:
        """Let the other versions go, and have the parent do so: nobody else holds them long."""
        gone = self._held - digests
        if not gone or os.getpid() == self._parent:
            return
        self._held -= gone
        for digest in gone & set(self._classifiers):
            del self._classifiers[digest]
        memory_release()
        if os.getppid() == self._parent:
            os.kill(self._parent, signal.SIGUSR1)

    def _load(self, serving: Serving, runtime: RuntimeOptions) -> None:
        known = serving.digest in self._classifiers
        if known or not survives_fork(manifest_read(serving.folder), runtime):
            return
        classifier = Classifier.load(serving.folder, runtime)
        classifier.rest()
        self._classifiers[serving.digest] = classifier
        self._held.add(serving.digest)

    def _let_go(self) -> None:
        """All of them: a worker that comes later loads for itself, which is rare."""
        self._classifiers.clear()
        self._held.clear()
        memory_release()


preloaded = Preloaded()
