"""Runs several programs as one: a signal, or the end of any of them, ends all.

A script of its own, without Django: it lives as long as the server does, and waits in 15 MB.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType
from typing import NoReturn

# In-flight requests have 10 s by default; then a program that hangs is killed.
GRACE_SECONDS = 20.0
WAKE_SECONDS = 1.0
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Program:
    """A command line with additions to the environment."""

    name: str
    command: list[str]
    environment: dict[str, str]


def become_supervisor(programs: Sequence[Program]) -> NoReturn:
    """Put the supervisor of *programs* in this process's place, with what it has loaded gone."""
    given = json.dumps([asdict(program) for program in programs])
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: this folder's modules must not stand in for the library's.
    os.execv(sys.executable, [sys.executable, "-P", __file__, given])  # noqa: S606 - no shell


def run_until_signal(programs: Sequence[Program]) -> int:
    """Start all, wait, stop all.

    Returns:
        0 after SIGINT or SIGTERM; the exit status of the program that ended by itself otherwise.
    """
    # A handler may put into this queue whatever the main thread is in the midst of; an event's
    # lock, which waiting takes for a moment, it would wait for itself.
    done: SimpleQueue[None] = SimpleQueue()
    signals: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        done.put(None)

    # Before the first child: a signal in between must not leave one behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    children = [_start(program) for program in programs]
    for child in children:
        threading.Thread(target=_put_after, args=(child, done), daemon=True).start()
    _wait_for(done)
    ended = [child.returncode for child in children if child.poll() is not None]
    _stop_all(children)
    return 0 if signals else next((status for status in ended if status), 0)


def _wait_for(done: SimpleQueue[None]) -> None:
    # Python runs a handler when the main thread next wakes; a signal that the kernel gave to
    # another thread does not wake it.
    while True:
        with suppress(Empty):
            return done.get(timeout=WAKE_SECONDS)


def _put_after(child: subprocess.Popen[bytes], done: SimpleQueue[None]) -> None:
    child.wait()
    done.put(None)


def _start(program: Program) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command lines, no shell
        program.command,
        cwd=_ROOT,
        env={**os.environ, **program.environment},
        # Ctrl-C reaches the whole terminal group; only we decide who stops when.
        start_new_session=True,
    )


def _stop_all(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.send_signal(signal.SIGTERM)
    for child in children:
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


if __name__ == "__main__":
    sys.exit(run_until_signal([Program(**given) for given in json.loads(sys.argv[1])]))
