"""config.common.behind: requests note what is to be done, and one thread does it soon after"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.common.behind import Behind
from tests.waiting import PATIENCE, wait_for

THREADS = 8


class Pad:
    """Lines to write, and those that were written: in *file*, so that a child's are seen, too."""

    def __init__(self, file: Path, seconds: float = 0.01) -> None:
        self._file = file
        self.lines: list[str] = []
        self.behind = Behind("pad", seconds, work=self._write, forget=self._forget)

    def note(self, line: str) -> None:
        self.lines.append(line)
        self.behind.wake()

    def written(self) -> list[str]:
        return self._file.read_text().split() if self._file.exists() else []

    def _write(self) -> None:
        with self._file.open("a") as file:
            while self.lines:
                file.write(f"{self.lines.pop(0)}\n")

    def _forget(self) -> None:
        self.lines.clear()


@pytest.fixture
def pad(tmp_path: Path) -> Pad:
    return Pad(tmp_path / "pad")


@pytest.fixture
def slow_pad(tmp_path: Path) -> Pad:
    """One whose thread writes nothing while a test lasts."""
    return Pad(tmp_path / "slow", 2 * PATIENCE)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def in_child(act: Callable[[], object]) -> None:
    child = multiprocessing.get_context("fork").Process(target=act)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == 0


def test_it_works(pad):
    pad.note("one")
    wait_for(lambda: pad.written() == ["one"])
    pad.note("two")
    wait_for(lambda: pad.written() == ["one", "two"])


def test_a_process_that_notes_nothing_has_no_thread_and_one_that_does_has_one(tmp_path):
    behind = Behind("on demand", 0.01, work=bool, forget=bool)
    assert "on demand" not in threads()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(100):
            pool.submit(behind.wake)
    assert threads().count("on demand") == 1


def test_whoever_flushes_need_not_wait_for_the_thread(slow_pad):
    slow_pad.note("now")
    slow_pad.behind.flush()
    assert slow_pad.written() == ["now"]


@pytest.fixture
def held() -> Iterator[tuple[Behind, threading.Event, list[str]]]:
    """Work that was begun and cannot end before the event; what was done when."""
    begun, release, order = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        release.wait()
        order.append("done")

    behind = Behind("held", 0.0, work=work, forget=bool)
    behind.wake()
    begun.wait()
    yield behind, release, order
    release.set()


def test_a_flush_returns_when_what_another_thread_began_is_done(held):
    behind, release, order = held
    asked = threading.Event()

    def flush() -> None:
        asked.set()
        behind.flush()
        order.append("returned")

    thread = threading.Thread(target=flush)
    thread.start()
    asked.wait()
    release.set()
    thread.join()
    assert order == ["done", "done", "returned"]


def test_the_thread_outlives_work_that_fails(caplog):
    times: list[int] = []

    def work() -> None:
        times.append(len(times))
        assert times != [0], "the first time it does not work"

    behind = Behind("unlucky", 0.0, work=work, forget=bool)
    behind.wake()
    wait_for(lambda: "the thread unlucky goes on" in caplog.text)
    behind.wake()
    wait_for(lambda: len(times) == 2)


def test_what_was_noted_last_is_done_at_the_end_of_the_process(slow_pad):
    in_child(lambda: slow_pad.note("farewell"))
    assert slow_pad.written() == ["farewell"]


def test_a_child_has_a_thread_of_its_own(pad):
    pad.note("parent")
    wait_for(lambda: pad.written() == ["parent"])

    def act() -> None:
        pad.note("child")
        wait_for(lambda: pad.written() == ["parent", "child"])
        os._exit(0)  # without a farewell

    in_child(act)


def test_what_the_parent_noted_is_not_done_by_the_child(slow_pad):
    slow_pad.note("parent")
    in_child(lambda: slow_pad.note("child"))
    slow_pad.behind.flush()
    assert slow_pad.written() == ["child", "parent"]


def test_a_child_need_not_wait_for_what_its_parent_was_at(held):
    behind, release, order = held
    release_child = release.set  # the child's own: its parent goes on waiting
    in_child(lambda: (release_child(), behind.flush()))
    assert order == []
