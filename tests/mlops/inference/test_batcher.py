"""The queue in front of the model."""

from __future__ import annotations

import ctypes
import sys
import threading

import numpy as np
import pytest

from mlops.inference.batcher import Batcher, BatcherLimits
from mlops.inference.calibration import rows_unpack
from mlops.inference.errors import (
    DeadlineExceededError,
    InferenceError,
    NotReadyError,
    QueueFullError,
)
from tests.waiting import PATIENCE, wait_for


class Gate:
    """The real model behind a gate that a test opens; remembers the batches that passed."""

    def __init__(self, classifier):
        self.open = threading.Event()
        self.entered = threading.Event()
        self.batches = []
        self.poison = None
        self._classifier = classifier

    def predict(self, batch):
        self.entered.set()
        assert self.open.wait(PATIENCE)
        self.batches.append(len(batch))
        if any(text is self.poison for text in batch):
            raise ValueError("poison")
        return self._classifier.predict_packed(batch)


@pytest.fixture
def gate(classifier):
    return Gate(classifier)


@pytest.fixture
def batcher(gate):
    made = Batcher(gate.predict, BatcherLimits(token_budget=512, capacity=50))
    yield made
    gate.open.set()
    made.close()


def encoded(classifier, *texts):
    return dict(zip(texts, classifier.encode(texts), strict=True))


def test_it_works(batcher, gate, classifier):
    gate.open.set()
    submission = batcher.submit(encoded(classifier, "thank you", "I am sad"))
    rows = rows_unpack([ticket.row for ticket in batcher.wait(submission, PATIENCE)])
    expected = classifier.predict_encoded(classifier.encode(["thank you", "I am sad"]))
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_what_arrives_while_the_model_is_busy_shares_the_next_batch(batcher, gate, classifier):
    first = batcher.submit(encoded(classifier, "first"))
    assert gate.entered.wait(PATIENCE)
    later = [batcher.submit(encoded(classifier, f"later {i}")) for i in range(5)]
    gate.open.set()
    for submission in (first, *later):
        batcher.wait(submission, PATIENCE)
    assert gate.batches == [1, 5]


def test_equal_texts_in_flight_are_computed_once(batcher, gate, classifier):
    batcher.submit(encoded(classifier, "busy"))
    assert gate.entered.wait(PATIENCE)
    same = [batcher.submit(encoded(classifier, "the same")) for _ in range(8)]
    gate.open.set()
    rows = [batcher.wait(submission, PATIENCE)[0].row for submission in same]
    assert gate.batches == [1, 1]
    assert all(row is rows[0] for row in rows)


def test_a_batch_stays_within_its_token_budget(batcher, gate, classifier):
    gate.open.set()
    texts = [f"number {i} " + "word " * 60 for i in range(30)]
    batcher.wait(batcher.submit(encoded(classifier, *texts)), PATIENCE)
    assert sum(gate.batches) == 30
    assert max(gate.batches) * len(classifier.encode(texts[:1])[0].windows[0]) <= 512


def test_texts_of_a_length_share_a_batch_and_the_oldest_goes_first(batcher, gate, classifier):
    first = batcher.submit(encoded(classifier, "first"))
    assert gate.entered.wait(PATIENCE)
    # By turns, a long one first: as they come they would need three passes, all of them padded.
    texts = [text for i in range(9) for text in (f"{'word ' * 60}{i}", f"short {i}")]
    mixed = [batcher.submit(encoded(classifier, text)) for text in texts]
    gate.open.set()
    tickets = [batcher.wait(each, PATIENCE)[0] for each in (first, *mixed)][1:]
    assert gate.batches == [1, 8, 9, 1]
    assert max(ticket.done_at for ticket in tickets[0:16:2]) <= tickets[1].started_at
    assert tickets[1].done_at <= tickets[16].started_at


def test_a_poisonous_text_gets_its_own_error_and_the_others_their_answers(
    batcher, gate, classifier
):
    batcher.submit(encoded(classifier, "busy"))
    assert gate.entered.wait(PATIENCE)
    texts = encoded(classifier, *[f"text {i}" for i in range(16)])
    gate.poison = texts["text 11"]
    submission = batcher.submit(texts)
    gate.open.set()
    tickets = batcher.wait(submission, PATIENCE)
    assert [ticket.key for ticket in tickets if ticket.error] == ["text 11"]
    assert isinstance(tickets[11].error, InferenceError)
    assert all(ticket.row is not None for ticket in tickets if not ticket.error)
    # Halving finds one culprit in 16 with two calls a level, not sixteen.
    assert len(gate.batches) <= 1 + 1 + 2 * 4


def test_a_full_queue_refuses_at_once_and_keeps_what_it_has(batcher, gate, classifier):
    first = batcher.submit(encoded(classifier, "busy"))
    assert gate.entered.wait(PATIENCE)
    kept = batcher.submit(encoded(classifier, *[f"kept {i}" for i in range(50)]))
    with pytest.raises(QueueFullError, match="50 texts"):
        batcher.submit(encoded(classifier, "one too many"))
    gate.open.set()
    assert len(batcher.wait(kept, PATIENCE)) == 50
    assert batcher.wait(first, PATIENCE)[0].row is not None


def test_past_the_deadline_the_request_is_answered_and_its_texts_are_dropped(
    batcher, gate, classifier
):
    first = batcher.submit(encoded(classifier, "busy"))
    assert gate.entered.wait(PATIENCE)
    late = batcher.submit(encoded(classifier, "nobody waits for me"))
    with pytest.raises(DeadlineExceededError):
        batcher.wait(late, 0.01)
    gate.open.set()
    batcher.wait(first, PATIENCE)
    batcher.wait(batcher.submit(encoded(classifier, "next")), PATIENCE)
    assert gate.batches == [1, 1]


def test_a_dead_inference_thread_is_replaced_and_its_work_retried(batcher, gate, classifier):
    gate.open.set()
    batcher.wait(batcher.submit(encoded(classifier, "before")), PATIENCE)
    gate.open.clear()
    gate.entered.clear()
    submission = batcher.submit(encoded(classifier, "in hand when the thread dies"))
    assert gate.entered.wait(PATIENCE)
    kill_thread(*batcher._threads)
    gate.open.set()
    (ticket,) = batcher.wait(submission, PATIENCE)
    assert ticket.row is not None
    assert batcher.restarts == 1


def test_a_text_that_kills_every_thread_is_given_up(classifier):
    def predict(batch):
        raise SystemExit

    batcher = Batcher(predict)
    (ticket,) = batcher.wait(batcher.submit(encoded(classifier, "deadly")), PATIENCE)
    assert isinstance(ticket.error, InferenceError)
    assert batcher.restarts == 2
    batcher.close()


def test_an_idle_queue_wakes_nobody(batcher, gate, classifier):
    gate.open.set()
    batcher.wait(batcher.submit(encoded(classifier, "warm")), PATIENCE)
    (thread,) = batcher._threads

    def rests_for_good() -> bool:
        """Whether the thread waits for a lock without a deadline."""
        frame = sys._current_frames()[thread.ident]
        waits = frame.f_code is threading.Condition.wait.__code__
        return waits and frame.f_locals["timeout"] is None

    wait_for(rests_for_good)


def test_closing_finishes_what_is_queued_and_refuses_what_is_new(batcher, gate, classifier):
    submission = batcher.submit(encoded(classifier, "queued"))
    gate.open.set()
    batcher.close()
    assert batcher.wait(submission, PATIENCE)[0].row is not None
    with pytest.raises(NotReadyError):
        batcher.submit(encoded(classifier, "too late"))


def kill_thread(thread):
    """Raise SystemExit inside *thread*, as the interpreter itself would."""
    identity = ctypes.c_ulong(thread.ident)
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(SystemExit)) == 1
