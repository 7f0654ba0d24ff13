"""Shadow arms: the same texts, later, in another process, for the log only.

A live answer never waits for one. Its texts go into a bounded queue with a single append; what
does not fit is dropped and counted. Each shadow version runs in a process of its own at the lowest
priority, and is stopped while a live text is in the model.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlops.api import (
    Caller,
    Document,
    Exposure,
    PredictionRequest,
    Stages,
    predictions_record,
    shadow_count,
)
from mlops.inference.child import Child, ChildAnswer, ChildError, ChildTextError
from mlops.inference.manifest import manifest_read
from mlops.routing.labels import LabelMap
from mlops.routing.table import ArmRoute, RoutingTable, Serving

logger = logging.getLogger(__name__)
# The answer has left by then.
DELAY_SECONDS = 0.05
# An answer is being written, and often the next text is on its way.
QUIET_SECONDS = 0.005
# A process that died is started again no sooner.
RESTART_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ShadowJob:
    """The texts of one answer, for one shadow arm."""

    rollout_id: int
    arm: ArmRoute
    caller: Caller
    texts: tuple[str, ...]
    offered: float


class ShadowRunner:
    """The bounded queue, and the thread that feeds the processes."""

    def __init__(
        self, *, capacity: int, device: str, start: Callable[[Serving], Child] | None = None
    ) -> None:
        self._capacity, self._device = capacity, device
        self._start = start or (lambda serving: Child(serving.folder, device))
        self._jobs: deque[ShadowJob] = deque()
        self._waiting = 0
        self._wanted: dict[str, Serving] = {}
        self._children: dict[str, Child] = {}
        self._died: dict[str, float] = {}
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._holding = threading.Lock()
        self._live = 0
        self._paused, self._quiet_since = False, 0.0
        self.dropped = 0

    @property
    def running(self) -> bool:
        """Whether there is a process that live answers should not meet."""
        return bool(self._children)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is computed for a shadow meanwhile, not even on an idle core.

        Priority alone is not enough: cores share their caches and their way to memory, and a
        large model beside a small one made the small one's answers take twice as long.
        """
        with self._holding:
            self._live += 1
            if not self._paused:
                self._paused = True
                for child in tuple(self._children.values()):
                    child.pause()
        try:
            yield
        finally:
            with self._holding:
                self._live -= 1
                self._quiet_since = time.monotonic()

    def follow(self, table: RoutingTable) -> None:
        """Run what the shadow arms of *table* need, and end what they do not."""
        arms = (arm for rollout in table.rollouts for arm in rollout.shadows if not arm.paused)
        wanted = {arm.serving.digest: arm.serving for arm in arms}
        if not wanted and not self._thread:
            return
        with self._condition:
            self._wanted = wanted
            self._condition.notify()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="valence-shadow", daemon=True
                )
                self._thread.start()

    def offer(self, job: ShadowJob) -> bool:
        """Queue *job*; False, and counted, if there is no room. Never waits for the model."""
        with self._condition:
            fits = self._waiting + len(job.texts) <= self._capacity
            if fits and job.arm.serving.digest in self._wanted:
                self._jobs.append(job)
                self._waiting += len(job.texts)
                self._condition.notify()
                return True
        self._drop(job)
        return False

    def stop(self) -> None:
        """Drop what waits and end the processes."""
        with self._condition:
            self._wanted, thread, self._thread = {}, self._thread, None
            self._jobs.clear()
            self._waiting = 0
            self._condition.notify()
        if thread:
            thread.join(5)

    def _run(self) -> None:
        me = threading.current_thread()
        while True:
            with self._condition:
                while not self._jobs and self._thread is me and not self._stale():
                    self._condition.wait()
                job = self._jobs.popleft() if self._jobs else None
                self._waiting -= len(job.texts) if job else 0
                stale, over = self._stale(), self._thread is not me
            for digest in list(self._children) if over else stale:
                self._children.pop(digest).close()
            if over:
                return
            if job:
                self._answer(job)

    def _go_on_if_quiet(self) -> None:
        """Let the processes compute again when no live text came for a moment."""
        with self._holding:
            quiet = time.monotonic() - self._quiet_since > QUIET_SECONDS
            if self._paused and not self._live and quiet:
                self._paused = False
                for child in tuple(self._children.values()):
                    child.go_on()

    def _stale(self) -> list[str]:
        return [digest for digest in self._children if digest not in self._wanted]

    def _answer(self, job: ShadowJob) -> None:
        time.sleep(max(0.0, job.offered + DELAY_SECONDS - time.monotonic()))
        child = self._child(job.arm.serving)
        if child is None:
            self._drop(job)
            return
        try:
            # One at a time: a failure is that of one text, and no batch holds up the next job.
            for text in job.texts:
                self._record(job, text, _one(child, text, self._go_on_if_quiet))
        except ChildError as error:
            digest = job.arm.serving.digest
            self._children.pop(digest, None)
            self._died[digest] = time.monotonic()
            logger.warning("the process of shadow arm %s ended: %s", job.arm.name, error)
            self._drop(job)
        except Exception:
            logger.exception("a shadow answer was lost")
            self._drop(job)

    def _child(self, serving: Serving) -> Child | None:
        child = self._children.get(serving.digest)
        if child is None and serving.digest in self._wanted:
            died = self._died.get(serving.digest, -RESTART_SECONDS)
            if time.monotonic() - died >= RESTART_SECONDS:
                child = self._children[serving.digest] = self._start(serving)
                self._paused = False  # the next live text pauses this one, too
        return child

    def _record(self, job: ShadowJob, text: str, answer: ChildAnswer | ChildTextError) -> None:
        failed, label_map = isinstance(answer, ChildTextError), job.arm.label_map
        milliseconds = 0.0 if isinstance(answer, ChildTextError) else answer.milliseconds
        request = PredictionRequest(
            job.caller,
            job.arm.serving.digest,
            Stages(0.0, milliseconds, milliseconds),
            Exposure(job.rollout_id, job.arm.id, shadow=True),
            labels=_labels(job.arm.id, label_map, job.arm.serving.folder) if label_map else None,
        )
        predictions_record(request, [_document(job, text, answer)])
        shadow_count("failed" if failed else "answered", 1)

    def _drop(self, job: ShadowJob) -> None:
        self.dropped += len(job.texts)
        shadow_count("dropped", len(job.texts))


def _one(
    child: Child, text: str, while_waiting: Callable[[], None]
) -> ChildAnswer | ChildTextError:
    try:
        return child.predict([text], while_waiting)
    except ChildTextError as error:
        return error


def _document(job: ShadowJob, text: str, answer: ChildAnswer | ChildTextError) -> Document:
    if isinstance(answer, ChildTextError):
        return Document(text, None, status=503, error_code="inference_failed")
    row: NDArray[np.float32] = answer.probabilities[0]
    if job.arm.label_map:
        row = job.arm.label_map.scores(row)
    scores = row.astype("<f4", copy=False).tobytes()
    return Document(text, scores, answer.tokens[0], answer.windows[0])


def shadow_jobs(
    *, rollout_id: int, arms: Sequence[ArmRoute], caller: Caller, texts: Sequence[str]
) -> list[ShadowJob]:
    """A job for each of *arms*."""
    now = time.monotonic()
    return [ShadowJob(rollout_id, arm, caller, tuple(texts), now) for arm in arms]


@lru_cache(maxsize=32)
def _labels(arm_id: int, label_map: LabelMap, folder: Path) -> tuple[list[str], list[float]]:
    """The champion's labels with this version's thresholds, for the log."""
    thresholds = np.asarray(manifest_read(folder).thresholds, dtype=np.float32)
    return list(label_map.labels), label_map.thresholds(thresholds).tolist()
