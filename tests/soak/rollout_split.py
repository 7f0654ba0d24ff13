"""An A/B test of two real versions over HTTP: is the split fair, do subjects stay, is a gain found?

The int8 export against the fp32 one; callers agree with 80 % of the champion's answers and with
83 % of the challenger's. DATA_DIR and DATABASE_URL as for the other runs; no
rollout may be running.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.soak.serving import key_make, manage, server_start

SUBJECTS, CLIENTS, LOOK_EVERY = 5_000, 8, 1_000
AGREEMENT = {"champion": 0.80, "challenger": 0.83}
SCOPES = ("emotions:read", "emotions:write", "models:read", "models:write")
# Until every process follows a routing table that changed.
SETTLED = 7.0


class Api:
    """One connection for each thread that asks."""

    def __init__(self, port: int, key: str) -> None:
        self._base, self._key = f"http://127.0.0.1:{port}/api/v1", key
        self._local = threading.local()

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self._client().post(f"{self._base}/{path}", json=body)

    def get(self, path: str) -> Any:
        return self._client().get(f"{self._base}/{path}").raise_for_status().json()

    def _client(self) -> httpx.Client:
        if not hasattr(self._local, "client"):
            headers = {"Authorization": f"Api-Key {self._key}"}
            self._local.client = httpx.Client(headers=headers, timeout=60)
        client: httpx.Client = self._local.client
        return client


def rollout_begin(api: Api, champion: str, challenger: str) -> tuple[str, dict[str, str]]:
    """Its name, and the arm of each digest."""
    name = f"soak-{int(time.time())}"
    arms = [
        {"name": "champion", "version": champion, "weight": 50, "champion": True},
        {"name": "challenger", "version": challenger, "weight": 50},
    ]
    # fp32 is slower by design: latency is not what is looked at here.
    body = {"name": name, "arms": arms, "guardrails": {"p95_ratio": 20}}
    api.post("rollouts/", **body).raise_for_status()
    api.post(f"rollouts/{name}/start/").raise_for_status()
    time.sleep(SETTLED)
    return name, {arm["digest"]: arm["name"] for arm in api.get(f"rollouts/{name}/")["arms"]}


def in_parallel(function: Callable[[int], object], numbers: range) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(function, numbers))


def traffic(api: Api, arms: dict[str, str], requests: int) -> list[tuple[str, str]]:
    """The arm and the id of every answer; prints how subjects were spread."""
    subjects = [f"subject-{number % SUBJECTS}" for number in range(requests)]
    random.Random(1).shuffle(subjects)
    answers: list[tuple[str, str]] = [("", "")] * requests
    failures: Counter[int] = Counter()

    def ask(number: int) -> None:
        text = f"I am so happy about number {number % 997}"
        response = api.post("emotions/analyze", text=text, subject=subjects[number])
        if response.status_code != 200:
            failures[response.status_code] += 1
            return
        body = response.json()
        answers[number] = (arms[body["meta"]["model"]["digest"]], body["results"][0]["id"])

    started = time.monotonic()
    in_parallel(ask, range(requests))
    met = defaultdict(set)
    for subject, (arm, _) in zip(subjects, answers, strict=True):
        met[subject].add(arm)
    print(f"{requests:,} requests in {time.monotonic() - started:.0f} s, failures {dict(failures)}")
    print(f"subjects that met two arms: {sum(len(each) > 1 for each in met.values())}")
    print(f"subjects by arm: {dict(Counter(min(each) for each in met.values()))}")
    return answers


def judge(api: Api, answers: list[tuple[str, str]], number: int) -> None:
    arm, prediction = answers[number]
    thumbs = "up" if random.Random(number).random() < AGREEMENT[arm] else "down"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        response = api.post("feedback/", prediction=prediction, thumbs=thumbs)
        if response.status_code == 201:
            return
        time.sleep(0.2)  # its row is on the way
    raise SystemExit(f"no feedback for {prediction}: {response.text}")


def main(port: int, requests: int) -> None:
    key = key_make(*SCOPES)
    printed = manage("export_onnx", "valence-minilm:1", "--precision", "fp32", "--json")
    challenger = json.loads(printed)["version"]
    server, api = server_start(port), Api(port, key)
    try:
        name, arms = rollout_begin(api, "valence-minilm:2", challenger)
        answers = traffic(api, arms, requests)
        decided = None
        for start in range(0, requests, LOOK_EVERY):
            in_parallel(lambda n: judge(api, answers, n), range(start, start + LOOK_EVERY))
            report = api.get(f"rollouts/{name}/report/")
            compared = report["arms"][1]["against_champion"]["agreement"]
            if decided is None and compared and compared["decided"]:
                decided = start + LOOK_EVERY
        print(f"split: {report['srm']}")
        print(f"agreement: {compared}; decided after {decided} answers with feedback")
        print("\n".join(report["verdicts"]))
        api.post(f"rollouts/{name}/conclude/", reason="the run is over").raise_for_status()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20_000)
