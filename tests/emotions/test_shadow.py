"""The shadow queue and its processes"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from emotions.engine import Engine
from emotions.middleware import LiveMiddleware
from emotions.shadow import ShadowRunner, shadow_jobs
from mlops.inference.child import Child, ChildError
from mlops.log.callers import NOBODY
from mlops.routing.table import ArmRoute, RolloutRoute, RoutingTable
from tests.waiting import wait_for

# Of Linux: only what nobody else wants.
SCHED_IDLE = 5


def test_it_works(child, classifier):
    texts = ["Thank you so much", "I am furious about this"]
    answer = child.predict(texts)
    np.testing.assert_allclose(answer.probabilities, classifier.predict(texts), atol=1e-5)
    assert answer.windows == [1, 1]
    assert answer.milliseconds > 0


def test_a_child_runs_at_the_lowest_priority_from_its_start(child, tmp_path):
    child.predict(["a text"])
    made = Child(tmp_path, "cpu")
    priorities = [_priority(made), *(_priority(child, each.name) for each in _threads(child))]
    shared = Path(f"/proc/{made._process.pid}/autogroup")
    session, group = os.getsid(made._process.pid), shared.read_text() if shared.exists() else ""
    made.close()
    assert set(priorities) == {(19, SCHED_IDLE)}
    # Linux may share the processor among sessions first: in ours its time would be taken from us.
    assert session == made._process.pid
    assert not group or group.split()[-1] == "10"


def test_a_child_ends_with_its_parent_even_if_it_is_paused(serving):
    program = (
        "import sys; from pathlib import Path; from mlops.inference.child import Child\n"
        "child = Child(Path(sys.argv[1]), 'cpu'); child.predict(['a text']); child.pause()\n"
        "print(child._process.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(serving.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    number = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_for(lambda: not Path(f"/proc/{number}/cmdline").exists() or _ended(number))


def _ended(number: int) -> bool:
    """Also where nobody collects it."""
    return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_child_computes_in_one_thread_and_nothing_spins_beside_it(child):
    child.predict(["a text"])
    before = {thread.name: _computed(thread) for thread in _threads(child)}
    for number in range(20):
        child.predict([f"text {number} of twenty that are shown one after the other"])
    worked = {thread.name: _computed(thread) - before[thread.name] for thread in _threads(child)}
    assert worked[str(child._process.pid)] > 0.9 * sum(worked.values())


def _threads(child) -> list[Path]:
    return list(Path(f"/proc/{child._process.pid}/task").iterdir())


def _computed(thread: Path) -> int:
    """Nanoseconds on a processor."""
    return int((thread / "schedstat").read_text().split()[0])


def _stat(child, thread: str = "") -> list[str]:
    pid = child._process.pid
    text = Path(f"/proc/{pid}/task/{thread or pid}/stat").read_text()
    return text.rsplit(")", 1)[1].split()


def _priority(child, thread: str = "") -> tuple[int, int]:
    """Nice value and scheduling policy."""
    fields = _stat(child, thread)
    return int(fields[16]), int(fields[38])


def test_time_in_which_a_child_is_paused_does_not_count(child, monkeypatch):
    child.predict(["the first answer may take its time"])
    clock = [0.0]
    # The child's parent's end only: others in this process go by the real one.
    monkeypatch.setattr("mlops.inference.child.time", SimpleNamespace(monotonic=lambda: clock[0]))
    child.pause()

    def an_hour_later() -> None:
        # Then it stands still: the real one may show any time at all.
        if clock[0] < 10_000:
            clock[0] += 3600
        else:
            child.go_on()

    assert child.predict(["a text"], an_hour_later).windows == [1]


def test_a_child_that_cannot_load_is_an_error_not_a_wait(tmp_path):
    broken = Child(tmp_path, "cpu")
    with pytest.raises(ChildError):
        broken.predict(["a text"])


def test_a_child_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("mlops.inference.child.FIRST_SECONDS", 0.0)
    hanging = Child(tmp_path, "cpu")
    os.kill(hanging._process.pid, signal.SIGSTOP)
    with pytest.raises(ChildError, match="no answer in time"):
        hanging.predict(["a text"])
    assert hanging._process.poll() is not None


@pytest.fixture
def make_runner(tmp_path):
    """Runners of one host, as if each were in a process of its own."""
    made = []

    def make(**options) -> ShadowRunner:
        defaults = {"capacity": 3, "device": "cpu", "folder": tmp_path, "quiet": 0.05}
        made.append(ShadowRunner(**{**defaults, **options}))
        return made[-1]

    yield make
    for runner in made:
        runner.stop()


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


def test_what_does_not_fit_is_dropped_and_counted_by_who_offers_it(table, make_runner):
    runner = make_runner(start=lambda _: pytest.fail("never asked"))
    runner._wanted = {table.production.digest: table.production}
    offered = [runner.offer(job) for _ in range(5) for job in jobs(table, ["one text"])]
    assert offered == [True, True, True, False, False]
    assert runner.dropped == 2


def test_a_text_for_an_arm_that_left_is_dropped(table, make_runner):
    runner = make_runner()
    assert not runner.offer(jobs(table, ["late"])[0])
    assert runner.dropped == 1


def test_a_process_that_dies_costs_its_texts_only(table, make_runner):
    class Dead(Child):
        def __init__(self):
            pass

        def predict(self, texts, while_waiting=None):
            raise ChildError("killed")

        def go_on(self):
            pass

        def close(self):
            pass

    runner = make_runner(start=lambda _: Dead())
    runner.follow(table)
    for text in ("one", "two"):
        runner.offer(jobs(table, [text])[0])
    wait_for(lambda: runner.dropped == 2)


def test_a_request_of_the_api_is_live_from_its_arrival_to_its_answer(
    table, make_runner, engine_config, monkeypatch
):
    runner = make_runner()
    runner.follow(table)
    serving_engine = Engine()
    serving_engine.configure(replace(engine_config, shadows=runner))
    monkeypatch.setattr("emotions.middleware.engine", serving_engine)
    board = runner._gate._board
    quiets = []

    def answer(request: HttpRequest) -> HttpResponse:
        quiets.append(board.quiet())
        return HttpResponse()

    request = RequestFactory().post("/api/v1/emotions/analyze")
    LiveMiddleware(answer)(request)
    assert quiets == [0.0]
    assert board.quiet() > 0.0
    # Only the clock of all requests comes before it.
    assert settings.MIDDLEWARE.index("emotions.middleware.LiveMiddleware") == 1


def test_stopping_ends_a_pass_that_waits_for_quiet(table, make_runner):
    runner = make_runner(quiet=3600.0)
    runner.follow(table)
    runner.offer(jobs(table, ["never shown"])[0])
    thread = runner._thread
    runner.stop()
    wait_for(lambda: not thread.is_alive())


def test_an_arm_that_leaves_ends_its_process_though_it_never_was_quiet(table, make_runner, serving):
    """Nor does it count as one that died: the arm may come back at once."""
    runner = make_runner(start=lambda serving: Child(serving.folder, "cpu"), quiet=0.01)
    runner.follow(table)
    runner.offer(jobs(table, ["the first text loads the model"])[0])
    wait_for(lambda: serving.digest in runner._children)
    with runner.held():
        runner.follow(RoutingTable(serving))
        wait_for(lambda: not runner._children)
    wait_for(lambda: runner.dropped == 1)
    assert not runner._died
