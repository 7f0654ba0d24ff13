"""The gate in front of shadow passes: only while this host answers nobody"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emotions.gate import Gate
from emotions.quiet import Board
from mlops.inference.child import Child
from tests.waiting import wait_for


@pytest.fixture
def make_gate(tmp_path):
    """Gates of one host, as if each were in a process of its own."""
    made = []

    def make(quiet: float = 0.05) -> Gate:
        made.append(Gate(tmp_path, quiet))
        return made[-1]

    yield make
    for gate in made:
        gate.close()


def state_of(child: Child) -> str:
    """``T`` while its process is stopped."""
    stat = Path(f"/proc/{child._process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0]


def never() -> bool:
    return False


def test_it_works(child, make_gate):
    """A pass begins after the host was quiet for a while, whoever the live texts came to."""
    gate, sibling = make_gate(), make_gate()
    for live in (gate, sibling, gate):
        with live.held():
            assert gate._board.quiet() == 0.0
        with gate.turn(never) as granted, gate.computing(child):
            assert granted
            assert gate._board.quiet() >= 0.05
            child.predict(["a text"], gate.heed)
    assert gate.pauses == 0


def test_a_pass_is_stopped_from_when_somebody_is_answered_until_it_is_quiet_again(child, make_gate):
    gate, sibling = make_gate(), make_gate()
    child.predict(["a text"])

    def stopped() -> bool:
        return state_of(child) == "T"

    with gate.computing(child):
        with gate.held(), gate.held():
            wait_for(stopped)
        # The answer is made, the next text may be on its way: not yet.
        assert stopped()
        child.predict(["it goes on"], gate.heed)
        assert not stopped()
        with sibling.held():
            gate.heed()
            wait_for(stopped)
        child.predict(["it goes on"], gate.heed)
        with gate.held():
            pass
    wait_for(lambda: not stopped())
    assert gate.pauses == 3


def test_a_pass_that_begins_while_somebody_is_answered_begins_stopped(child, make_gate):
    gate = make_gate()
    with gate.held(), gate.computing(child):
        wait_for(lambda: state_of(child) == "T")
    wait_for(lambda: state_of(child) != "T")


def test_one_pass_runs_at_a_time_on_a_host(make_gate):
    first, second = make_gate(0.01), make_gate(0.01)
    order, begun = [], threading.Event()

    def other_process() -> None:
        begun.set()
        with second.turn(never) as granted:
            order.append(("second", granted))

    with first.turn(never) as granted:
        assert granted
        thread = threading.Thread(target=other_process)
        thread.start()
        begun.wait()
        assert not second._board.lock()
        order.append(("first", granted))
    thread.join()
    assert order == [("first", True), ("second", True)]


def test_without_a_quiet_time_passes_run_at_any_time(child, make_gate):
    first, second = make_gate(0.0), make_gate(0.0)
    with first.held(), first.turn(never) as one, second.turn(never) as other:
        assert one
        assert other
        with first.computing(child):
            child.predict(["a text"], first.heed)
    assert first.pauses == 0


def test_whoever_ends_no_longer_waits_for_quiet(make_gate):
    gate = make_gate(3600.0)
    with gate.turn(lambda: True) as granted:
        assert not granted


def test_a_process_that_was_killed_in_the_middle_of_an_answer_is_forgotten(tmp_path):
    board = Board(tmp_path)
    program = (
        "import sys; from pathlib import Path; from emotions.gate import Gate\n"
        "with Gate(Path(sys.argv[1]), 0.05).held(): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    assert board.quiet() == 0.0
    process.kill()
    process.communicate()
    wait_for(lambda: board.quiet() > 0.0)
    assert len(list(tmp_path.glob("live-*"))) == 1
    board.close()
