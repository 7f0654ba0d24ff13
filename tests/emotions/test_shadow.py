"""The shadow queue and its processes"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from emotions.shadow import ShadowRunner, shadow_jobs
from mlops.inference.child import Child, ChildError
from mlops.inference.manifest import manifest_read
from mlops.log.callers import NOBODY
from mlops.routing.table import ArmRoute, RolloutRoute, RoutingTable, Serving
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def serving(version_folder_int8) -> Serving:
    return Serving(manifest_read(version_folder_int8).digest, version_folder_int8)


@pytest.fixture(scope="module")
def child(serving):
    made = Child(serving.folder, "cpu")
    yield made
    made.close()


def test_it_works(child, classifier):
    texts = ["Thank you so much", "I am furious about this"]
    answer = child.predict(texts)
    np.testing.assert_allclose(answer.probabilities, classifier.predict(texts), atol=1e-5)
    assert answer.windows == [1, 1]
    assert answer.milliseconds > 0


def test_a_child_runs_at_the_lowest_priority(child):
    child.predict(["a text"])
    stat = Path(f"/proc/{child._process.pid}/stat").read_text()
    fields = stat.rsplit(")", 1)[1].split()
    assert int(fields[16]) == 19  # nice
    assert int(fields[38]) == 5  # SCHED_IDLE
    # Linux may share the processor among sessions first: then only one of our own session yields.
    assert os.getsid(child._process.pid) == os.getsid(0)


def test_a_child_is_stopped_while_a_live_text_is_in_the_model(serving):
    runner = ShadowRunner(capacity=3, device="cpu")
    child = runner._children[serving.digest] = Child(serving.folder, "cpu")
    child.predict(["a text"])
    stat = Path(f"/proc/{child._process.pid}/stat")

    def state() -> str:
        return stat.read_text().rsplit(")", 1)[1].split()[0]

    with runner.held(), runner.held():
        wait_for(lambda: state() == "T")
    assert state() == "T"
    child.predict(["it goes on"], runner._go_on_if_quiet)
    assert state() != "T"
    child.close()


def test_a_child_that_cannot_load_is_an_error_not_a_wait(tmp_path):
    broken = Child(tmp_path, "cpu")
    with pytest.raises(ChildError):
        broken.predict(["a text"])


def test_a_child_that_hangs_is_ended(serving):
    slow = Child(serving.folder, "cpu", seconds=0.0)
    slow.predict(["the first answer may take its time"])
    slow.pause()
    with pytest.raises(ChildError, match="no answer in time"):
        slow.predict(["the second may not"])
    assert slow._process.poll() is not None


@pytest.fixture
def table(serving) -> RoutingTable:
    champion = ArmRoute(1, "champion", serving, 1)
    shadow = ArmRoute(2, "shadow", serving, 1.0)
    rollout = RolloutRoute(1, "salt", "subject", champion, (champion,), (shadow,))
    return RoutingTable(serving, rollout)


def jobs(table, texts):
    return shadow_jobs(
        rollout_id=1, arms=table.everyone.shadowed("request"), caller=NOBODY, texts=texts
    )


def test_what_does_not_fit_is_dropped_and_counted_by_who_offers_it(table):
    runner = ShadowRunner(capacity=3, device="cpu", start=lambda _: pytest.fail("never asked"))
    runner._wanted = {table.production.digest: table.production}
    offered = [runner.offer(job) for _ in range(5) for job in jobs(table, ["one text"])]
    assert offered == [True, True, True, False, False]
    assert runner.dropped == 2


def test_a_text_for_an_arm_that_left_is_dropped(table):
    runner = ShadowRunner(capacity=3, device="cpu")
    assert not runner.offer(jobs(table, ["late"])[0])
    assert runner.dropped == 1


def test_a_process_that_dies_costs_its_texts_only(table):
    class Dead(Child):
        def __init__(self):
            pass

        def predict(self, texts, while_waiting=None):
            raise ChildError("killed")

        def close(self):
            pass

    runner = ShadowRunner(capacity=10, device="cpu", start=lambda _: Dead())
    runner.follow(table)
    for text in ("one", "two"):
        runner.offer(jobs(table, [text])[0])
    wait_for(lambda: runner.dropped == 2)
    runner.stop()
