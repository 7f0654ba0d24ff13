"""Callers who do not wait for each other: requests at planned times, whatever came of the last."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENTS = 24
ANALYZE = "/api/v1/emotions/analyze"
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; times in seconds since the load began."""

    planned: float
    sent: float
    done: float
    status: int
    answer: Body

    @property
    def milliseconds(self) -> float:
        """From when it should have been sent: what a caller waits."""
        return (self.done - self.planned) * 1000


def texts_read(path: str) -> list[str]:
    """The texts of a file in GoEmotions format."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines if line]


def unequal(texts: Sequence[str]) -> Iterator[str]:
    """*texts* again and again, each with a number: nothing comes from a cache."""
    for number in itertools.count():
        yield f"{texts[number % len(texts)]} ({number})"


def arrivals(rate: float, seconds: float, seed: int) -> list[float]:
    """Times of a Poisson process."""
    chance, times, now = random.Random(seed), [], 0.0
    while (now := now + chance.expovariate(rate)) < seconds:
        times.append(now)
    return times


def ask_all(
    port: int,
    key: str,
    plan: Sequence[float],
    bodies: Iterator[Body],
    until: Callable[[], bool] = lambda: False,
) -> list[Asked]:
    """Send a body at each time of *plan*, or fewer when *until* says so; in order."""
    work = iter([(planned, next(bodies)) for planned in plan])
    asked: list[Asked] = []
    lock, started = threading.Lock(), time.perf_counter() + 0.2

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not until():
            with lock:
                planned, body = next(work, (None, {}))
            if planned is None:
                break
            time.sleep(max(0.0, started + planned - time.perf_counter()))
            sent = time.perf_counter() - started
            status, answer = _post(connection, key, body)
            done = time.perf_counter() - started
            asked.append(Asked(planned, sent, done, status, answer))
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return sorted(asked, key=lambda each: each.planned)


def capacity(port: int, key: str, bodies: Iterator[Body], seconds: float) -> float:
    """Answers a second when every client asks again at once."""
    started = time.monotonic()
    plan = [0.0] * 100_000
    late = ask_all(port, key, plan, bodies, until=lambda: time.monotonic() - started > seconds)
    return len(late) / seconds


def _post(connection: http.client.HTTPConnection, key: str, body: Body) -> tuple[int, Body]:
    headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", ANALYZE, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        connection.close()
        return 0, {}
