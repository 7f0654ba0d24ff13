"""A model in a process of its own, at the lowest priority: it cannot slow or stop its parent.

``python -m mlops.inference.child FOLDER DEVICE PARENT`` answers frames on stdin with frames on
stdout: four bytes of length, then msgpack.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import msgpack
import numpy as np
from numpy.typing import NDArray

from mlops.inference.calibration import rows_unpack

FloatArray = NDArray[np.float32]
_LENGTH = struct.Struct("<I")
_ROOT = Path(__file__).resolve().parents[2]
# Loading and warming count towards the first answer.
FIRST_SECONDS = 600.0
# Long, because it computes only where nobody else wants to; while it is paused no time passes.
ANSWER_SECONDS = 300.0
# How soon a live text of another process is noticed.
POLL_SECONDS = 0.002
# Where Linux shares among sessions first: a tenth of another one's weight. It gets on, if slowly,
# beside programs that never rest.
_SESSION_NICE = 10
# PR_SET_PDEATHSIG of prctl(2).
_PARENT_DEATH_SIGNAL = 1


class ChildError(Exception):
    """The process could not answer; it is gone afterwards."""


class ChildTextError(Exception):
    """The model failed on the texts; the process goes on."""


@dataclass(frozen=True, slots=True)
class ChildAnswer:
    """Calibrated probabilities ``(texts, labels)``, and processor time they took."""

    probabilities: FloatArray
    tokens: list[int]
    windows: list[int]
    milliseconds: float


class Child:
    """The parent's end. Not for several threads at once."""

    def __init__(
        self, folder: Path, device: str = "auto", *, seconds: float = ANSWER_SECONDS
    ) -> None:
        self._seconds, self._answered, self._paused = seconds, False, False
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [
                *(sys.executable, "-m", "mlops.inference.child"),
                *(str(folder.resolve()), device, str(os.getpid())),
            ],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is the parent's business. And Linux may share the processor among sessions
            # before it looks at priorities: in the parent's own, what the child used up would be
            # missing to the parent's next thread that wakes beside other programs.
            start_new_session=True,
        )
        # From here, not from there: starting Python is work, too.
        _lowest_priority(self._process.pid)

    def predict(
        self, texts: Sequence[str], while_waiting: Callable[[], None] | None = None
    ) -> ChildAnswer:
        """The answers to *texts*; *while_waiting* is called every few milliseconds until then.

        Raises:
            ChildTextError: if the model fails on them.
            ChildError: if the process is gone or takes too long.
        """
        try:
            _write(cast("IO[bytes]", self._process.stdin), list(texts))
            seconds = self._seconds if self._answered else FIRST_SECONDS
            answer = self._read(seconds, while_waiting or _do_nothing)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise ChildError(str(error) or "the process ended") from error
        self._answered = True
        if "error" in answer:
            raise ChildTextError(answer["error"])
        return ChildAnswer(
            rows_unpack(answer["rows"]), answer["tokens"], answer["windows"], answer["ms"]
        )

    def pause(self) -> None:
        """Stop computing, wherever it is, until ``go_on``."""
        self._paused = True
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Compute again."""
        self._paused = False
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _read(self, seconds: float, while_waiting: Callable[[], None]) -> dict[str, Any]:
        pipe, last = cast("IO[bytes]", self._process.stdout), time.monotonic()
        while not select.select([pipe], [], [], POLL_SECONDS)[0]:
            now = time.monotonic()
            seconds, last = seconds - (0.0 if self._paused else now - last), now
            if seconds <= 0:
                raise TimeoutError("no answer in time")
            while_waiting()
        # What has begun to come was written in one go.
        size = _LENGTH.unpack(self._exactly(_LENGTH.size))[0]
        answer: dict[str, Any] = msgpack.unpackb(self._exactly(size))
        return answer

    def _exactly(self, size: int) -> bytes:
        pipe = cast("IO[bytes]", self._process.stdout)
        data = b""
        while len(data) < size:
            part = os.read(pipe.fileno(), size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


def _do_nothing() -> None:
    pass


def _write(pipe: IO[bytes], value: object) -> None:
    body = msgpack.packb(value)
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def _lowest_priority(pid: int) -> None:
    """Let it run only where nobody else wants to; what wakes on Linux takes its core at once."""
    with contextlib.suppress(OSError):  # it has ended already, or a container forbids it
        os.setpriority(os.PRIO_PROCESS, pid, 19)
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    session = Path(f"/proc/{pid}/autogroup")
    with contextlib.suppress(OSError):
        if session.exists():
            session.write_text(str(_SESSION_NICE), encoding="ascii")


def _end_with(parent: int) -> None:
    """Even if this process is stopped when *parent* ends, and will read nothing any more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit


def main(folder: str, device: str, parent: str) -> None:
    """Answer until stdin ends, which it does with the parent."""
    _end_with(int(parent))
    from mlops.inference.backends import RuntimeOptions
    from mlops.inference.classifier import Classifier

    # What a library prints must not get between the frames.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    options = RuntimeOptions(device=cast("Any", device), threads=1)
    classifier = Classifier.load(Path(folder), options)
    while header := sys.stdin.buffer.read(_LENGTH.size):
        texts = msgpack.unpackb(sys.stdin.buffer.read(_LENGTH.unpack(header)[0]))
        _write(out, _answer(classifier, texts))


def _answer(classifier: Any, texts: list[str]) -> dict[str, Any]:
    # Of the processor, not of the clock: for part of that the process was paused.
    started = time.process_time()
    try:
        encoded = classifier.encode(texts)
        rows = classifier.predict_packed(encoded)
    except Exception as error:  # noqa: BLE001 - it goes to the parent, which logs it
        return {"error": f"{type(error).__name__}: {error}"}
    return {
        "rows": rows,
        "tokens": [each.tokens for each in encoded],
        "windows": [len(each.windows) for each in encoded],
        "ms": (time.process_time() - started) * 1000,
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
