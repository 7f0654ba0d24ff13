"""Promotions and rollbacks under steady load: does anybody notice, and does memory come back?

Twenty in a minute between the int8 and the fp32 export, two processes. DATA_DIR names a folder.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import django
import httpx

from tests.soak.serving import key_make, manage, server_start

ANALYZE = "/api/v1/emotions/analyze"
# After the last swap, until memory is read: drained versions are freed in the background.
SETTLE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: when it was asked for, its status, and the digest that gave it."""

    started: float
    status: int
    digest: str


@dataclass
class Load:
    """Clients that ask at a steady rate, each text only once: nothing comes from a cache."""

    url: str
    key: str
    rate: float
    clients: int = 8
    samples: list[Sample] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for number in range(self.clients):
            thread = threading.Thread(target=self._client, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, number: int) -> None:
        headers, count = {"Authorization": f"Api-Key {self.key}"}, 0
        with httpx.Client(base_url=self.url, headers=headers, timeout=30) as client:
            while not self._stop.wait(self.clients / self.rate):
                text = f"Thank you, that was number {count} of client {number} at {time.time()}."
                self.samples.append(_ask(client, text))
                count += 1


def swap_measure(
    *,
    url: str,
    key: str,
    swap: Callable[[int], str],
    digests: Sequence[str],
    processes: Sequence[int],
    swaps: int = 20,
    seconds: float = 60.0,
    rate: float = 40.0,
) -> dict[str, Any]:
    """Call *swap* every so often while clients ask; it answers the digest that should serve.

    Memory is that of *processes*, before the first swap and after the last one has settled.
    """
    changes: list[tuple[float, str]] = []
    with Load(url, key, rate) as load:
        time.sleep(SETTLE_SECONDS)
        before = {pid: resident(pid) for pid in processes}
        for number in range(swaps):
            digest = swap(number)
            changes.append((time.time(), digest))
            time.sleep(seconds / swaps)
        time.sleep(SETTLE_SECONDS)
        after = {pid: resident(pid) for pid in processes}
    return {
        **_summary(load.samples, digests),
        "swaps": len(changes),
        "oldest_answer_after_change_s": round(_staleness(load.samples, changes), 2),
        "resident_mb": {
            pid: {"before": round(before[pid], 1), "after": round(after[pid], 1)}
            for pid in processes
        },
        "resident_ratio": round(sum(after.values()) / max(sum(before.values()), 1e-9), 3),
    }


def server_processes(supervisor: int) -> list[int]:
    """The processes below *supervisor* that hold a model: those of the web server that work."""
    found, waiting = [], [supervisor]
    while waiting:
        pid = waiting.pop()
        below = _children(pid)
        waiting += below
        if not below and "config.wsgi" in _command(pid):
            found.append(pid)
    return sorted(found)


def resident(pid: int) -> float:
    """Resident megabytes of a process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _ask(client: httpx.Client, text: str) -> Sample:
    started = time.time()
    try:
        response = client.post(ANALYZE, json={"text": text})
        digest = response.json()["meta"]["model"]["digest"] if response.is_success else ""
        return Sample(started, response.status_code, digest)
    except (httpx.HTTPError, ValueError, KeyError):
        return Sample(started, 0, "")


def _summary(samples: Sequence[Sample], digests: Sequence[str]) -> dict[str, Any]:
    failed = [sample.status for sample in samples if sample.status != httpx.codes.OK]
    return {
        "requests": len(samples),
        "failed": len(failed),
        "failed_statuses": sorted(set(failed)),
        "of_neither_version": sum(
            sample.digest not in digests for sample in samples if sample.digest
        ),
    }


def _staleness(samples: Sequence[Sample], changes: Sequence[tuple[float, str]]) -> float:
    """The longest time from a change to the last request that the version before still answered."""
    worst = 0.0
    ends = [*[when for when, _ in changes[1:]], float("inf")]
    for (when, digest), end in zip(changes, ends, strict=True):
        late = [
            sample.started - when
            for sample in samples
            if when < sample.started < end and sample.digest not in ("", digest)
        ]
        worst = max([worst, *late])
    return worst


def _children(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _swap(names: Sequence[str]) -> tuple[Callable[[int], str], list[str]]:
    """What swaps the versions *names*, a promotion and a rollback in turn; and their digests."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from mlops.selectors import version_named, version_serving
    from mlops.services.versions import version_promote, version_rollback

    versions = [version_named(name) for name in names]

    def swap(number: int) -> str:
        serving = version_serving()
        if serving is None or number % 2:
            return version_rollback(version=serving or versions[0], reason="soak").digest
        other = next(version for version in versions if version != serving)
        return version_promote(version=other, force=True, reason="soak").digest

    return swap, [version.digest for version in versions]


def main(port: int) -> None:
    key = key_make()
    printed = manage("export_onnx", "valence-minilm:1", "--precision", "fp32", "--json")
    swap, digests = _swap(["valence-minilm:2", json.loads(printed)["version"]])
    server = server_start(port)
    try:
        measured = swap_measure(
            url=f"http://127.0.0.1:{port}",
            key=key,
            swap=swap,
            digests=digests,
            processes=server_processes(server.pid),
        )
    finally:
        server.terminate()
        server.wait()
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]))
