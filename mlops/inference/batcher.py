"""Continuous batching: while the device is busy the next batch fills; nothing ever waits for one.

One thread owns the model. It sleeps on a condition while there is no work, takes as many queued
texts as fit the token budget when there is, and isolates a text that makes a batch fail.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops.inference.errors import (
    DeadlineExceededError,
    InferenceError,
    NotReadyError,
    QueueFullError,
)
from mlops.inference.tokenization import EncodedText

FloatArray = NDArray[np.float32]
Predict = Callable[[Sequence[EncodedText]], FloatArray]
logger = logging.getLogger(__name__)

# A batch that killed the thread is tried once more, then its texts are given up.
MAX_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class BatcherLimits:
    """``token_budget`` is in padded positions per forward pass, ``capacity`` in queued texts."""

    token_budget: int = 2048
    capacity: int = 2000


class Ticket:
    """One text on its way through the queue, possibly awaited by several requests."""

    __slots__ = (
        "attempts",
        "done_at",
        "encoded",
        "error",
        "key",
        "queued_at",
        "row",
        "started_at",
        "waiting",
    )

    def __init__(self, key: Hashable, encoded: EncodedText) -> None:
        self.key = key
        self.encoded = encoded
        self.queued_at = time.perf_counter()
        self.started_at = self.done_at = 0.0
        self.row: FloatArray | None = None
        self.error: InferenceError | None = None
        self.attempts = 0
        self.waiting: list[Submission] = []


class Submission:
    """The texts of one request; ``wait()`` blocks until all have an answer or an error."""

    __slots__ = ("_event", "_remaining", "tickets")

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []
        self._remaining = 0
        self._event = threading.Event()

    def add(self, ticket: Ticket) -> None:
        """Await *ticket* as well. The batcher's lock is held."""
        self.tickets.append(ticket)
        self._remaining += 1
        ticket.waiting.append(self)

    def settle_one(self) -> None:
        """One ticket is done. The batcher's lock is held."""
        self._remaining -= 1
        if not self._remaining:
            self._event.set()

    def wait(self, timeout: float) -> bool:
        """Whether all tickets were settled within *timeout* seconds."""
        return self._event.wait(timeout)


class Batcher:
    """The bounded queue in front of one model, and the thread that empties it."""

    def __init__(self, predict: Predict, limits: BatcherLimits | None = None) -> None:
        self._predict = predict
        self._limits = limits or BatcherLimits()
        self._condition = threading.Condition()
        self._pending: deque[Ticket] = deque()
        self._in_flight: dict[Hashable, Ticket] = {}
        self._in_hand: list[Ticket] = []
        self._closed = False
        self.restarts = 0
        self._thread = self._thread_start()

    @property
    def depth(self) -> int:
        """Texts that wait for the model."""
        return len(self._pending)

    def submit(self, texts: Mapping[Hashable, EncodedText]) -> Submission:
        """Queue *texts* by key; a key that is already in flight is shared, not computed again.

        Raises:
            QueueFullError: if they do not fit; none is queued then.
            NotReadyError: if the batcher was closed.
        """
        submission = Submission()
        fresh: list[Ticket] = []
        with self._condition:
            if self._closed:
                raise NotReadyError("the model is being unloaded")
            new = sum(key not in self._in_flight for key in texts)
            if len(self._pending) + new > self._limits.capacity:
                raise QueueFullError(f"{len(self._pending)} texts are waiting already")
            for key, encoded in texts.items():
                ticket = self._in_flight.get(key)
                if ticket is None:
                    ticket = self._in_flight[key] = Ticket(key, encoded)
                    fresh.append(ticket)
                submission.add(ticket)
            # Neighbours of similar length keep the padding of a shared batch small.
            self._pending.extend(sorted(fresh, key=lambda ticket: ticket.encoded.cost))
            self._condition.notify()
        return submission

    def wait(self, submission: Submission, timeout: float) -> list[Ticket]:
        """The settled tickets of *submission*, in the order of its keys.

        Raises:
            DeadlineExceededError: after *timeout* seconds; what nobody else awaits is dropped.
        """
        if not submission.wait(timeout):
            self._abandon(submission)
            raise DeadlineExceededError(f"no answer within {timeout:.3g} s")
        return submission.tickets

    def close(self, timeout: float = 30.0) -> None:
        """Refuse new texts, finish the queued ones, end the thread."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join(timeout)

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
            with self._condition:
                self.restarts += 1
                self._retry_in_hand()
                self._thread = self._thread_start()

    def _loop(self) -> None:
        while True:
            with self._condition:
                while not self._pending and not self._closed:
                    self._condition.wait()
                if not self._pending:
                    return
                self._in_hand = self._take()
            self._run(self._in_hand)
            self._in_hand = []

    def _take(self) -> list[Ticket]:
        """The oldest tickets that fit the budget together; at least one. The lock is held."""
        batch: list[Ticket] = []
        widest = 0
        while self._pending:
            widest = max(widest, self._pending[0].encoded.cost)
            if batch and widest * (len(batch) + 1) > self._limits.token_budget:
                break
            ticket = self._pending.popleft()
            if ticket.waiting:
                batch.append(ticket)
            else:
                self._in_flight.pop(ticket.key, None)
        return batch

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
            batch[0].error = InferenceError(f"the model failed on this text: {error}")
        else:
            for ticket, row in zip(batch, rows, strict=True):
                ticket.row = row
        self._settle(batch, started)

    def _settle(self, batch: list[Ticket], started: float) -> None:
        done = time.perf_counter()
        with self._condition:
            for ticket in batch:
                ticket.started_at, ticket.done_at = started, done
                self._in_flight.pop(ticket.key, None)
                for submission in ticket.waiting:
                    submission.settle_one()

    def _retry_in_hand(self) -> None:
        unsettled = [ticket for ticket in self._in_hand if not ticket.done_at]
        self._in_hand = []
        for ticket in reversed(unsettled):
            ticket.attempts += 1
            if ticket.attempts < MAX_ATTEMPTS:
                self._pending.appendleft(ticket)
        given_up = [ticket for ticket in unsettled if ticket.attempts >= MAX_ATTEMPTS]
        for ticket in given_up:
            ticket.error = InferenceError("the inference thread died on this text")
        self._settle(given_up, time.perf_counter())

    def _abandon(self, submission: Submission) -> None:
        with self._condition:
            for ticket in submission.tickets:
                if submission in ticket.waiting:
                    ticket.waiting.remove(submission)
