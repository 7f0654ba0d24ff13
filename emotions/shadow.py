"""Shadow arms: the same texts, later, in another process, for the log only.

A live answer never waits for one. Its texts go into a bounded queue with a single append; what
does not fit is dropped and counted. Each shadow version runs in a process of its own at the lowest
priority, one text at a time, and only while the host answers nobody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from emotions.gate import Gate
from mlops.api import (
    Caller,
    Document,
    Exposure,
    PredictionRequest,
    Stages,
    predictions_record,
    shadow_count,
    shadow_pauses,
    shadow_waiting,
)
from mlops.inference.calibration import rows_pack
from mlops.inference.child import Child, ChildAnswer, ChildError, ChildTextError
from mlops.inference.manifest import manifest_read
from mlops.routing.labels import LabelMap
from mlops.routing.table import ArmRoute, RoutingTable, Serving

logger = logging.getLogger(__name__)
# A process that died is started again no sooner.
RESTART_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ShadowJob:
    """The texts of one answer, for one shadow arm."""

    rollout_id: int
    arm: ArmRoute
    caller: Caller
    texts: tuple[str, ...]


class ShadowRunner:
    """The bounded queue, and the thread that feeds the processes.

    *folder* and *quiet* are those of the ``Gate``.
    """

    def __init__(
        self,
        *,
        capacity: int,
        device: str,
        folder: Path,
        quiet: float,
        start: Callable[[Serving], Child] | None = None,
    ) -> None:
        self._capacity, self._folder, self._quiet = capacity, folder, quiet
        self._start = start or (lambda serving: Child(serving.folder, device))
        self._jobs: deque[ShadowJob] = deque()
        self._waiting = 0
        self._wanted: dict[str, Serving] = {}
        self._children: dict[str, Child] = {}
        self._died: dict[str, float] = {}
        self._condition = threading.Condition()
        self._gate: Gate | None = None
        self._over: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def held(self) -> AbstractContextManager[None]:
        """While a request is answered: no shadow computes on this host meanwhile."""
        gate = self._gate
        return gate.held() if gate else nullcontext()

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
                # Made here, not before: it belongs to a process, and this one will fork no more.
                self._gate, self._over = Gate(self._folder, self._quiet), threading.Event()
                self._thread = threading.Thread(
                    target=self._run,
                    args=(self._gate, self._over),
                    name="valence-shadow",
                    daemon=True,
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
        self._drop(len(job.texts))
        return False

    def stop(self) -> None:
        """Drop what waits and end the processes."""
        with self._condition:
            self._wanted, thread, self._thread = {}, self._thread, None
            self._gate, over, self._over = None, self._over, None
            self._jobs.clear()
            self._waiting = 0
            if over:
                over.set()
            self._condition.notify()
        if thread:
            thread.join(5)

    def _run(self, gate: Gate, over: threading.Event) -> None:
        while True:
            with self._condition:
                while not self._jobs and not over.is_set() and not self._stale():
                    shadow_waiting(0)
                    self._condition.wait()
                job = self._jobs.popleft() if self._jobs else None
                stale = list(self._children) if over.is_set() else self._stale()
            for digest in stale:
                self._children.pop(digest).close()
            if over.is_set():
                gate.close()
                return
            if job:
                self._answer(gate, over, job)

    def _stale(self) -> list[str]:
        return [digest for digest in self._children if digest not in self._wanted]

    def _answer(self, gate: Gate, over: threading.Event, job: ShadowJob) -> None:
        # One at a time: a failure is that of one text, and no batch is in the way of a live text.
        remaining = len(job.texts)
        try:
            for text in job.texts:
                shadow_waiting(self._waiting)
                answer = self._pass(gate, over, job.arm, text)
                if answer is None:
                    break
                self._record(job, text, answer)
                remaining -= 1
        except Exception:
            logger.exception("a shadow answer was lost")
        with self._condition:
            self._waiting = max(0, self._waiting - len(job.texts))
        if remaining:
            self._drop(remaining)

    def _pass(
        self, gate: Gate, over: threading.Event, arm: ArmRoute, text: str
    ) -> ChildAnswer | ChildTextError | None:
        """The shadow's answer; None if there is none to be had."""

        def left() -> bool:
            return over.is_set() or arm.serving.digest not in self._wanted

        if self._died_lately(arm.serving):
            return None
        with gate.turn(left) as granted:
            if not granted:
                return None
            child, before = self._child(arm.serving), gate.pauses
            try:
                with gate.computing(child):
                    return child.predict([text], partial(_heed, gate, left))
            except ChildTextError as error:
                return error
            except ChildError as error:
                self._children.pop(arm.serving.digest, None)
                if not left():
                    self._died[arm.serving.digest] = time.monotonic()
                    logger.warning("the process of shadow arm %s ended: %s", arm.name, error)
                return None
            finally:
                shadow_pauses(gate.pauses - before)

    def _died_lately(self, serving: Serving) -> bool:
        died = self._died.get(serving.digest, -RESTART_SECONDS)
        return time.monotonic() - died < RESTART_SECONDS

    def _child(self, serving: Serving) -> Child:
        child = self._children.get(serving.digest)
        if child is None:
            child = self._children[serving.digest] = self._start(serving)
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

    def _drop(self, texts: int) -> None:
        self.dropped += texts
        shadow_count("dropped", texts)


def _heed(gate: Gate, left: Callable[[], bool]) -> None:
    if left():
        raise TimeoutError("nobody wants the answer any more")
    gate.heed()


def _document(job: ShadowJob, text: str, answer: ChildAnswer | ChildTextError) -> Document:
    if isinstance(answer, ChildTextError):
        return Document(text, None, status=503, error_code="inference_failed")
    rows = answer.probabilities
    if job.arm.label_map:
        rows = job.arm.label_map.scores(rows)
    return Document(text, rows_pack(rows)[0], answer.tokens[0], answer.windows[0])


def shadow_jobs(
    *, rollout_id: int, arms: Sequence[ArmRoute], caller: Caller, texts: Sequence[str]
) -> list[ShadowJob]:
    """A job for each of *arms*."""
    return [ShadowJob(rollout_id, arm, caller, tuple(texts)) for arm in arms]


@lru_cache(maxsize=32)
def _labels(arm_id: int, label_map: LabelMap, folder: Path) -> tuple[list[str], list[float]]:
    """The champion's labels with this version's thresholds, for the log."""
    thresholds = np.asarray(manifest_read(folder).thresholds, dtype=np.float32)
    return list(label_map.labels), label_map.thresholds(thresholds).tolist()
