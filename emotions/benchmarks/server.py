"""A server under test: started, watched and stopped by the benchmark."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from emotions.benchmarks.client import Target, post

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "benchmark@localhost"
ANALYZE = "/api/v1/emotions/analyze"
START_SECONDS = 180


@dataclass(slots=True)
class Server:
    """A command that listens on ``port``; a context manager that waits until it answers."""

    command: Sequence[str]
    port: int
    ready: str
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    log: Path = Path(os.devnull)
    process: subprocess.Popen[bytes] | None = None
    # Seconds from start to the first 200 of ``ready``.
    started_in: float = 0.0

    def __enter__(self) -> Self:
        before = time.perf_counter()
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own command lines, no shell
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - before > START_SECONDS:
                self._stop()
                raise RuntimeError(f"{self.command[0]} did not start; see {self.log}")
            time.sleep(0.01)
        self.started_in = time.perf_counter() - before
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop()

    def cpu_seconds(self) -> float:
        """CPU time of the process and its children so far."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def memory(self) -> dict[int, float]:
        """Megabytes of its own memory (shared pages divided) that each process holds."""
        return {pid: _megabytes(pid) for pid in self._pids()}

    def idle(self, seconds: float = 3.0) -> float:
        """Percent of a core that it uses while nobody asks."""
        time.sleep(1.0)  # what is still to be written
        before = self.cpu_seconds()
        time.sleep(seconds)
        return (self.cpu_seconds() - before) / seconds * 100

    def _pids(self) -> list[int]:
        assert self.process is not None
        return _tree(self.process.pid)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self.ready)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def ours(data_dir: Path, **environment: str) -> Server:
    """``manage.py serve`` in a folder and a database of its own."""
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--no-worker", "--port", str(port)]
    return Server(
        [*command, "--admin-email", ADMIN],
        port,
        "/health/ready",
        {**own_environment(data_dir), **environment},
        log=data_dir / "server.log",
    )


def own_environment(data_dir: Path) -> dict[str, str]:
    """Nothing that is measured may write into the operator's database or cache."""
    data_dir.mkdir(parents=True, exist_ok=True)
    # Our own MODELS_DIR holds the export; another would be made first, which takes 15 s.
    return {"DATA_DIR": str(data_dir), "DATABASE_URL": "", "REDIS_URL": "", "LOG_LEVEL": "WARNING"}


def api_key(data_dir: Path) -> str:
    """A new key for the benchmark's own admin."""
    command = [sys.executable, "manage.py", "create_api_key", ADMIN, "--name", "benchmark"]
    answer = subprocess.run(  # noqa: S603 - as above
        command,
        cwd=ROOT,
        env={**os.environ, **own_environment(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    return next(word for word in answer.stdout.split() if word.startswith("val_"))


def our_target(server: Server, key: str) -> Target:
    """Where the server analyses texts."""
    headers = {"Authorization": f"Api-Key {key}"}

    def request(texts: list[str]) -> bytes:
        body = {"text": texts[0]} if len(texts) == 1 else {"texts": texts}
        return post(ANALYZE, headers, orjson.dumps(body))

    return Target("127.0.0.1", server.port, request)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def _cpu_seconds(pid: int) -> float:
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(task.read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


def _megabytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
