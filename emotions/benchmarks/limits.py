"""What happens at the edges: more load than can be served, a start, ten thousand requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from emotions.benchmarks.client import Target, closed_loop, open_loop
from emotions.benchmarks.figures import Figure, Suite, percentile
from emotions.benchmarks.http import requests
from emotions.benchmarks.server import Server, api_key, our_target, ours

SECONDS = 6.0
FACTOR = 3
REQUESTS = 10_000


def overload_suite(texts: Sequence[str], data_dir: Path) -> Suite:
    """Three times as many requests a second as can be answered."""
    series: dict[str, list[float]] = {"peak": [], "overloaded": []}
    refused: dict[str, list[float]] = {"99th percentile": []}
    share: dict[str, list[float]] = {"of all": []}
    memory: dict[str, list[float]] = {"before": [], "highest": []}
    recovery: dict[str, list[float]] = {"after": []}
    with ours(data_dir, WORKERS="1") as server:
        target = our_target(server, api_key(data_dir))
        bodies = requests(target, texts)
        closed_loop(target, bodies, clients=16, seconds=3.0)
        for _ in range(3):
            peak = closed_loop(target, bodies, clients=16, seconds=SECONDS).rate
            memory["before"].append(sum(server.memory().values()))
            with _watched(server) as highest:
                outcome = open_loop(target, bodies, rate=peak * FACTOR, seconds=SECONDS)
            series["peak"].append(peak)
            series["overloaded"].append(outcome.rate)
            if outcome.refused:
                refused["99th percentile"].append(percentile(outcome.refused, 99) * 1000)
            share["of all"].append(len(outcome.refused) / (peak * FACTOR * SECONDS) * 100)
            memory["highest"].append(max(highest))
            recovery["after"].append(_recovered(target, bodies))
    return Suite(
        "overload",
        f"An open loop at {FACTOR} times the rate that 16 clients reach just before.",
        [
            Figure("answered", "texts/s", series, ("overloaded", "peak"), "at least 0.90"),
            Figure("429 or 503, from due", "ms", refused, target="within 50"),
            Figure("so answered", "%", share),
            Figure("memory", "MB", memory, ("highest", "before")),
            Figure("until 10 texts in a row take under 50 ms", "s", recovery, target="within 2"),
        ],
    )


def startup_suite(texts: Sequence[str], data_dir: Path) -> Suite:
    """From ``manage.py serve`` to ready, and what ten thousand requests leave behind."""
    starts, memory = [], {"after start": [0.0], "after the requests": [0.0]}
    idle = []
    for number in range(5):
        with ours(data_dir, WORKERS="1") as server:
            if number:  # the first one may have had a database to make
                starts.append(server.started_in)
            if number == 1:
                target = our_target(server, api_key(data_dir))
                closed_loop(target, requests(target, texts), clients=8, seconds=3.0)
                memory["after start"] = [max(server.memory().values())]
                _ask_many(target, requests(target, texts))
                memory["after the requests"] = [max(server.memory().values())]
                idle.append(server.idle(10.0))
    ratio = ("after the requests", "after start")
    return Suite(
        "startup",
        "Warm: exported, migrated, collected. The request log is on.",
        [
            Figure("to ready", "s", {"serve": starts}, target="at most 3"),
            Figure(f"web process and {REQUESTS:,} requests", "MB", memory, ratio, "at most 1.05"),
            Figure("CPU when idle", "% of a core", {"serve": idle}, target="about 0"),
        ],
    )


def _ask_many(target: Target, bodies: Iterator[bytes]) -> None:
    done = 0
    while done < REQUESTS:
        outcome = closed_loop(target, bodies, clients=8, seconds=5.0)
        done += len(outcome.good)


def _recovered(target: Target, bodies: Iterator[bytes]) -> float:
    """Seconds after the load until the server answers as if nothing had been."""
    started, quick = time.perf_counter(), 0
    while quick < 10:
        outcome = closed_loop(target, bodies, clients=1, seconds=0.0)
        quick = quick + 1 if outcome.good and outcome.good[0] < 0.05 else 0
        if time.perf_counter() - started > 30.0:
            break
    return time.perf_counter() - started


@contextmanager
def _watched(server: Server) -> Iterator[list[float]]:
    """Memory of all processes, looked at four times a second."""
    seen, done = [sum(server.memory().values())], threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            seen.append(sum(server.memory().values()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
