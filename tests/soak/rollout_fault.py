"""Arms that are bad for real: how soon does a guardrail stop them, and what did callers see?

    DATA_DIR=/tmp/soak-fault python -m tests.soak.rollout_fault PORT DEV.tsv

DEV.tsv holds the texts, in GoEmotions format. Two server processes and a worker; about three
minutes, and two more the first time. DATA_DIR may be empty, DATABASE_URL may be set.

First an arm whose table of words is cut, so that ONNX Runtime fails on about every tenth text:
stopped at its answers, by the process that gave them. Then one ten times as slow: stopped by the
look at the 95th percentiles that the worker takes each minute.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak.openloop import Asked, Body, arrivals, ask_all, texts_read, unequal
from tests.soak.rollout_split import SCOPES, SETTLED, Api
from tests.soak.serving import key_make, server_start
from tests.soak.versions import CHAMPION, fragile_version, slow_version

FAULTY, TIMES = 0.1, 10.0
# Requests a second; half of them meet the bad arm.
RATE = {"fragile": 30.0, "slow": 10.0}
# What is still asked after the arm was stopped, to see who answers.
AFTER_SECONDS = 8.0
# From the threshold to the last bad answer.
LIMIT = 5.0
PATIENCE = 240.0


@dataclass(frozen=True, slots=True)
class Scene:
    """The server, and what it is asked."""

    port: int
    key: str
    api: Api
    texts: Iterator[str]


def rollout_begin(api: Api, kind: str, version: str) -> tuple[str, dict[str, Any]]:
    """Its name, and its guardrails."""
    name = f"soak-{kind}-{int(time.time())}"
    arms = [
        {"name": "champion", "version": CHAMPION, "weight": 50, "champion": True},
        {"name": "bad", "version": version, "weight": 50},
    ]
    api.post("rollouts/", name=name, arms=arms).raise_for_status()
    api.post(f"rollouts/{name}/start/").raise_for_status()
    time.sleep(SETTLED)
    return name, api.get(f"rollouts/{name}/")["guardrails"]


class Watch:
    """Looks at the arm until it is stopped, then lets callers go on for a little."""

    def __init__(self, api: Api, name: str) -> None:
        self._api, self._name = api, name
        self._begun, self._stopped = time.monotonic(), float("inf")
        self.seconds = float("inf")
        self.reason = ""
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def over(self) -> bool:
        now = time.monotonic()
        return now - self._stopped > AFTER_SECONDS or now - self._begun > PATIENCE

    def _look(self) -> None:
        while not self.over() and not self.reason:
            rollout = self._api.get(f"rollouts/{self._name}/")
            arm = next(each for each in rollout["arms"] if each["name"] == "bad")
            if arm["paused_at"]:
                self._stopped = time.monotonic()
                self.seconds, self.reason = self._stopped - self._begun, arm["pause_reason"]
            time.sleep(0.1)


def ask_until_stopped(scene: Scene, name: str, rate: float) -> tuple[list[Asked], Watch]:
    """Every request is of another subject, so that half of them meet the bad arm."""
    bodies: Iterator[Body] = (
        {"text": text, "subject": f"{name}-{number}"}
        for number, text in zip(itertools.count(), scene.texts, strict=False)
    )
    watch = Watch(scene.api, name)
    plan = arrivals(rate, PATIENCE, seed=1)
    asked = ask_all(scene.port, scene.key, plan, bodies, until=watch.over)
    return sorted(asked, key=lambda each: each.done), watch


def fragile_run(scene: Scene, version: str) -> bool:
    """Print the story of the arm that fails; whether the limit was kept."""
    name, limits = rollout_begin(scene.api, "fragile", version)
    asked, watch = ask_until_stopped(scene, name, RATE["fragile"])
    _conclude(scene.api, name)
    failed = [each for each in asked if each.status != 200]
    codes = Counter((each.status, _code(each)) for each in failed)
    print(f"{len(asked)} requests, answers other than 200: {dict(codes)}")
    print(f"stopped after {watch.seconds:.1f} s: {watch.reason or 'NOT STOPPED'}")
    least = int(limits["min_errors"])
    if len(failed) < least:
        print(f"only {len(failed)} failed; the guardrail needs {least}")
        return False
    threshold, last = failed[least - 1].done, failed[-1].done
    print(
        f"{len(failed)} failures until stopped (the guardrail needs {least} in one process of 2); "
        f"from failure {least} to the last one {last - threshold:.2f} s, the limit is {LIMIT:g} s"
    )
    return bool(watch.reason) and last - threshold <= LIMIT


def slow_run(scene: Scene, version: str) -> bool:
    """Print the story of the arm that is slow; whether it was stopped for that."""
    name, limits = rollout_begin(scene.api, "slow", version)
    arms = scene.api.get(f"rollouts/{name}/")["arms"]
    digest = next(arm["digest"] for arm in arms if arm["name"] == "bad")
    asked, watch = ask_until_stopped(scene, name, RATE["slow"])
    _conclude(scene.api, name)
    slow = [each for each in asked if each.status == 200 and _digest(each) == digest]
    late = max((each.sent for each in slow), default=0.0) - watch.seconds
    waits = sorted(each.milliseconds for each in slow) or [0.0]
    print(f"{len(asked)} requests, {sum(each.status != 200 for each in asked)} failed")
    print(f"stopped after {watch.seconds:.1f} s (a ratio of {limits['p95_ratio']:g} is allowed):")
    print(f"  {watch.reason or 'NOT STOPPED'}")
    print(
        f"{len(slow)} answers of the slow arm, half of them in {waits[len(waits) // 2]:.0f} ms or "
        f"less; the last was asked for about {late:+.1f} s from its stop"
    )
    return "95th percentile" in watch.reason


def _code(asked: Asked) -> str:
    errors: Sequence[dict[str, Any]] = asked.answer.get("errors") or [{}]
    return str(errors[0].get("code", ""))


def _digest(asked: Asked) -> str:
    return str(asked.answer["meta"]["model"]["digest"])


def _conclude(api: Api, name: str) -> None:
    api.post(f"rollouts/{name}/conclude/", reason="the run is over").raise_for_status()


def main(port: int, file: str) -> None:
    key, texts = key_make(*SCOPES), texts_read(file)
    versions = {"fragile": fragile_version(texts, FAULTY), "slow": slow_version(texts, TIMES)}
    runs: dict[str, Callable[..., bool]] = {"fragile": fragile_run, "slow": slow_run}
    server = server_start(port, worker=True)
    scene = Scene(port, key, Api(port, key), unequal(texts))
    try:
        for kind, run in runs.items():
            kept = run(scene, versions[kind])
            print(f"{kind}: {'as promised' if kept else 'NOT AS PROMISED'}\n", flush=True)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
