"""What waits for the model: texts, and the requests that wait for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence

from mlops.inference.buckets import padded_width
from mlops.inference.errors import InferenceError
from mlops.inference.tokenization import EncodedText


class Ticket:
    """One text on its way through the queue, possibly awaited by several requests."""

    __slots__ = (
        "attempts",
        "cost",
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
        # Asked for again and again while batches are chosen.
        self.cost = encoded.cost
        self.queued_at = time.perf_counter()
        self.started_at = self.done_at = 0.0
        # Probabilities, packed.
        self.row: bytes | None = None
        self.error: InferenceError | None = None
        self.attempts = 0
        self.waiting: list[Submission] = []


class Submission:
    """The texts of one request; ``wait()`` blocks until all have an answer or an error."""

    __slots__ = ("_done", "_remaining", "tickets")

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []
        self._remaining = 0
        # Held until all are settled; a third of an event's cost, and most are never waited for.
        self._done = threading.Lock()
        self._done.acquire()

    @property
    def settled(self) -> bool:
        """Whether all tickets have an answer or an error."""
        return not self._remaining

    def add(self, ticket: Ticket) -> None:
        """Await *ticket* as well. The batcher's lock is held."""
        self.tickets.append(ticket)
        self._remaining += 1
        ticket.waiting.append(self)

    def settle_one(self) -> None:
        """One ticket is done. The batcher's lock is held."""
        self._remaining -= 1
        if not self._remaining:
            self._done.release()

    def wait(self, timeout: float) -> bool:
        """Whether all tickets were settled within *timeout* seconds."""
        return self.settled or self._done.acquire(timeout=max(0.0, timeout))


def batch_pick(
    ahead: Sequence[Ticket], token_budget: int, widths: Sequence[int] = ()
) -> list[Ticket]:
    """The first of *ahead*, and of the others those nearest to its length that fit the budget.

    Texts of a length have less padding between them. The first is always among them, so that none
    is passed over for ever.
    """
    batch: list[Ticket] = []
    widest, first = 0, ahead[0].cost
    # Sorting is stable: of two that are as near, the older one.
    for ticket in sorted(ahead, key=lambda each: abs(each.cost - first)):
        widest = max(widest, padded_width(ticket.cost, widths))
        if batch and widest * (len(batch) + 1) > token_budget:
            break
        batch.append(ticket)
    return batch
