"""A server of one's own, and clients that remember every prediction id they were given."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg

EMAIL = "soak@example.org"


def manage(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def key_make(*scopes: str) -> str:
    """A key without limits, of an owner; it may analyse unless *scopes* say what else."""
    manage("setup")
    with suppress(subprocess.CalledProcessError):  # there since the run before
        manage("create_user", EMAIL, "--no-password", "--tier", "internal", "--role", "owner")
    granted = [part for scope in scopes or ("emotions:read",) for part in ("--scope", scope)]
    return manage("create_api_key", EMAIL, "--name", "soak", *granted)


def server_start(port: int, workers: int = 2, *, worker: bool = False) -> subprocess.Popen[bytes]:
    log = Path(os.environ["DATA_DIR"]) / "soak-server.log"
    process = subprocess.Popen(
        [
            *(sys.executable, "manage.py", "serve", "--port", str(port)),
            *("--workers", str(workers), *(() if worker else ("--no-worker",))),
        ],
        stdout=log.open("ab"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"the server did not become ready; see {log}")


def family(pid: int) -> list[int]:
    """*pid* and every process below it, whichever thread started it."""
    found = [pid]
    for each in found:
        with suppress(FileNotFoundError):  # it ended meanwhile
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def kill(process: subprocess.Popen[bytes]) -> None:
    """No farewell for any of its processes."""
    for pid in family(process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()


@dataclass
class Clients:
    """Threads that ask until told to stop."""

    port: int
    key: str
    threads: int = 8
    limit: int = 1_000_000_000
    ids: list[str] = field(default_factory=list)
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[None]:
        workers = [threading.Thread(target=self._ask, args=(n,)) for n in range(self.threads)]
        for each in workers:
            each.start()
        try:
            yield
        finally:
            self._stop.set()
            for each in workers:
                each.join()

    def _ask(self, number: int) -> None:
        client = httpx.Client(timeout=15, headers={"Authorization": f"Api-Key {self.key}"})
        url, count = f"http://127.0.0.1:{self.port}/api/v1/emotions/analyze", 0
        while not self._stop.is_set() and self.answered < self.limit:
            count += 1
            texts = [f"I am so happy about {number} and {count % 50}, part {n}" for n in range(3)]
            try:
                response = client.post(url, json={"texts": texts})
            except httpx.TransportError as error:
                self._note([], type(error).__name__)
                continue
            if response.status_code == 200:
                self._note([each["id"] for each in json.loads(response.text)["results"]], "")
            else:
                self._note([], f"{response.status_code} {response.text[:200]}")

    def _note(self, ids: list[str], failure: str) -> None:
        with self._lock:
            self.ids += ids
            self.answered += bool(ids)
            self.failures += [failure] if failure else []


def rows_of(ids: list[str], url: str | None = None) -> dict[str, int]:
    """How often each id is in the table; those that are not are missing here."""
    with psycopg.connect(url or os.environ["DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT id::text, count(*) FROM mlops_prediction WHERE id = ANY(%s::uuid[]) GROUP BY 1",
            [ids],
        )
        return dict(rows.fetchall())


def spool_empty(seconds: float) -> float:
    """How long it took until nothing waited in the spool."""
    folder, started = Path(os.environ["DATA_DIR"]) / "spool", time.monotonic()
    while any(path.stat().st_size for path in folder.glob("*.spool") if path.exists()):
        if time.monotonic() - started > seconds:
            raise SystemExit("the spool does not empty")
        time.sleep(0.1)
    return time.monotonic() - started
