"""Continuous batching: while the device is busy the next batch fills; nothing ever waits for one.

A lane is the right to run one forward pass at a time. While one is free, the thread that asks
takes it and computes its own texts: no hand-over, no wake-up. Otherwise they queue, and a thread
of the batcher's takes the oldest, with as many of its length as fit the token budget, when a lane
comes free. A text that makes a batch fail is isolated.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from mlops.inference.errors import (
    DeadlineExceededError,
    InferenceError,
    InvalidOutputError,
    NotReadyError,
    QueueFullError,
)
from mlops.inference.tickets import Submission, Ticket, batch_pick
from mlops.inference.tokenization import EncodedText

# A packed row of probabilities for each text.
Predict = Callable[[Sequence[EncodedText]], Sequence[bytes]]
logger = logging.getLogger(__name__)

# A batch that killed the thread is tried once more, then its texts are given up.
MAX_ATTEMPTS = 2
# A pass chooses texts of a length among those of so many passes.
PASSES_AHEAD = 4


@dataclass(frozen=True, slots=True)
class BatcherLimits:
    """``token_budget`` is in padded positions per forward pass, ``capacity`` in queued texts.

    ``lanes`` forward passes may run at a time, for models that allow more than one. ``widths``
    are those that a batch is padded to; without any, to its longest text.
    """

    token_budget: int = 2048
    capacity: int = 2000
    lanes: int = 1
    widths: tuple[int, ...] = ()


class Batcher:
    """The bounded queue in front of one model, and the threads that empty it."""

    def __init__(self, predict: Predict, limits: BatcherLimits | None = None) -> None:
        self._predict = predict
        self._limits = limits or BatcherLimits()
        # Taken several times for each request, directly: the condition's own way to it is not in C.
        self._lock = threading.RLock()
        self._condition = threading.Condition(self._lock)
        self._pending: deque[Ticket] = deque()
        self._in_flight: dict[Hashable, Ticket] = {}
        self._free = self._limits.lanes
        self._closed = False
        self.restarts = 0
        self._threads = {self._thread_start() for _ in range(self._limits.lanes)}

    @property
    def depth(self) -> int:
        """Texts that wait for the model."""
        return len(self._pending)

    @property
    def alive(self) -> bool:
        """Whether any of its threads still runs."""
        return any(thread.is_alive() for thread in self._threads)

    def compute(self, texts: Mapping[Hashable, EncodedText], timeout: float) -> list[Ticket]:
        """The settled tickets of *texts*, in order. While a lane is free the caller computes.

        Raises:
            QueueFullError, NotReadyError, DeadlineExceededError: as ``submit`` and ``wait``.
        """
        until = time.perf_counter() + timeout
        with self._lock:
            submission = self._queue(texts)
            batch = self._lane_take()
        if batch:
            self._lane_run(batch, lambda: not submission.settled and time.perf_counter() < until)
        return self._tickets(submission, timeout, until)

    def submit(self, texts: Mapping[Hashable, EncodedText]) -> Submission:
        """Queue *texts* by key; a key that is already in flight is shared, not computed again.

        Raises:
            QueueFullError: if they do not fit; none is queued then.
            NotReadyError: if the batcher was closed.
        """
        with self._lock:
            submission = self._queue(texts)
            self._condition.notify()
        return submission

    def wait(self, submission: Submission, timeout: float) -> list[Ticket]:
        """The settled tickets of *submission*, in the order of its keys.

        Raises:
            DeadlineExceededError: after *timeout* seconds; what nobody else awaits is dropped.
        """
        return self._tickets(submission, timeout, time.perf_counter() + timeout)

    def close(self, timeout: float = 30.0) -> None:
        """Refuse new texts, finish the queued ones, end the threads."""
        with self._lock:
            self._closed = True
            self._condition.notify_all()
        for thread in list(self._threads):
            thread.join(timeout)

    def _queue(self, texts: Mapping[Hashable, EncodedText]) -> Submission:
        """As ``submit``, and nobody is told. The lock is held."""
        if self._closed:
            raise NotReadyError("the model is being unloaded")
        new = [key for key in texts if key not in self._in_flight]
        if len(self._pending) + len(new) > self._limits.capacity:
            raise QueueFullError(f"{len(self._pending)} texts are waiting already")
        fresh = [Ticket(key, texts[key]) for key in new]
        self._in_flight.update(zip(new, fresh, strict=True))
        submission = Submission()
        for key in texts:
            submission.add(self._in_flight[key])
        # Neighbours of similar length keep the padding of a shared batch small.
        self._pending.extend(sorted(fresh, key=lambda ticket: ticket.cost))
        return submission

    def _tickets(self, submission: Submission, timeout: float, until: float) -> list[Ticket]:
        if not submission.wait(until - time.perf_counter()):
            self._abandon(submission)
            raise DeadlineExceededError(f"no answer within {timeout:.3g} s")
        return submission.tickets

    def _thread_start(self) -> threading.Thread:
        thread = threading.Thread(target=self._main, name="valence-inference", daemon=True)
        thread.start()
        return thread

    def _main(self) -> None:
        """The loop, and its own watchdog: a thread that dies is replaced and its work retried."""
        try:
            self._loop()
        except BaseException:
            logger.exception("the inference thread died; a new one takes over")
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._threads.add(self._thread_start())

    def _loop(self) -> None:
        while True:
            with self._lock:
                batch = self._lane_take()
                while not batch:
                    if self._closed and not self._pending:
                        return
                    self._condition.wait()
                    batch = self._lane_take()
            self._lane_run(batch, _always)

    def _lane_take(self) -> list[Ticket]:
        """The next batch and a lane to run it in, or nothing. The lock is held."""
        batch = self._take() if self._free else []
        if batch:
            self._free -= 1
            if self._free and self._pending:
                self._condition.notify()
        return batch

    def _lane_run(self, batch: list[Ticket], goes_on: Callable[[], bool]) -> None:
        """Compute *batch*, and what waits after it as long as that *goes_on*; then free the lane.

        A lane that changed hands after each pass would wake a thread for it, with cold caches, and
        often in vain: whoever has just computed is there first.
        """
        try:
            while batch:
                self._run(batch)
                with self._lock:
                    batch = self._take() if goes_on() else []
        finally:
            with self._lock:
                self._free += 1
                if batch:
                    self._retry([ticket for ticket in batch if not ticket.done_at])
                if self._pending or self._closed:
                    self._condition.notify()

    def _take(self) -> list[Ticket]:
        """The oldest ticket and those next to it in length. The lock is held."""
        ahead = self._ahead()
        if len(ahead) < 2:
            return ahead
        batch = batch_pick(ahead, self._limits.token_budget, self._limits.widths)
        picked = set(batch)
        self._pending.extendleft(ticket for ticket in reversed(ahead) if ticket not in picked)
        return batch

    def _ahead(self) -> list[Ticket]:
        """The oldest, taken out: about what the next ``PASSES_AHEAD`` passes compute."""
        ahead: list[Ticket] = []
        most = 1
        while self._pending and len(ahead) < most:
            ticket = self._pending.popleft()
            if not ticket.waiting:
                self._in_flight.pop(ticket.key, None)
                continue
            if not ahead:
                most = PASSES_AHEAD * max(1, self._limits.token_budget // ticket.cost)
            ahead.append(ticket)
        return ahead

    def _run(self, batch: list[Ticket]) -> None:
        """Compute *batch*; when it fails, halve it until the culprit stands alone."""
        if not batch:
            return
        started = time.perf_counter()
        try:
            rows = self._predict([ticket.encoded for ticket in batch])
        except Exception as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._run(batch[:middle])
                self._run(batch[middle:])
                return
            logger.exception("inference failed for one text")
            if isinstance(error, InvalidOutputError):
                batch[0].error = error
            else:
                batch[0].error = InferenceError(f"the model failed on this text: {error}")
        else:
            for ticket, row in zip(batch, rows, strict=True):
                ticket.row = row
        self._settle(batch, started)

    def _settle(self, batch: list[Ticket], started: float) -> None:
        done = time.perf_counter()
        with self._lock:
            for ticket in batch:
                ticket.started_at, ticket.done_at = started, done
                self._in_flight.pop(ticket.key, None)
                for submission in ticket.waiting:
                    submission.settle_one()
                # Neither holds the other any more; or the collector would have to find them.
                ticket.waiting.clear()

    def _retry(self, unsettled: list[Ticket]) -> None:
        """Queue again what a dying thread left behind, or give it up. The lock is held."""
        # Counted before anybody who waits for the tickets can look.
        self.restarts += bool(unsettled)
        for ticket in reversed(unsettled):
            ticket.attempts += 1
            if ticket.attempts < MAX_ATTEMPTS:
                self._pending.appendleft(ticket)
        given_up = [ticket for ticket in unsettled if ticket.attempts >= MAX_ATTEMPTS]
        for ticket in given_up:
            ticket.error = InferenceError("the inference thread died on this text")
        if given_up:
            self._settle(given_up, time.perf_counter())

    def _abandon(self, submission: Submission) -> None:
        with self._lock:
            for ticket in submission.tickets:
                if submission in ticket.waiting:
                    ticket.waiting.remove(submission)


def _always() -> bool:
    return True
