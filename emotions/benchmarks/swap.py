"""Versions promoted back and forth while clients ask: nobody may notice but by the answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from emotions.benchmarks.client import Outcome, closed_loop
from emotions.benchmarks.figures import Figure, Suite
from emotions.benchmarks.http import requests
from emotions.benchmarks.server import ROOT, api_key, our_target, ours, own_environment

CLIENTS = 8
SECONDS = 12.0
EMBEDDED = "valence-minilm"


def swap_suite(texts: Sequence[str], data_dir: Path) -> Suite:
    """Failures and the slowest answers, with and without promotions."""
    failed: dict[str, list[float]] = {"promoting": [], "quiet": []}
    slow: dict[str, list[float]] = {"promoting": [], "quiet": []}
    with ours(data_dir, WORKERS="1") as server:
        target = our_target(server, api_key(data_dir))
        bodies = requests(target, texts)
        other = json.loads(
            _manage(data_dir, "export_onnx", f"{EMBEDDED}:1", "--precision", "fp32", "--json")
        )["version"]
        for _ in range(2):
            for name, versions in (("quiet", ()), ("promoting", (other, f"{EMBEDDED}:2"))):
                outcomes: list[Outcome] = []
                load = threading.Thread(
                    target=lambda: outcomes.append(  # noqa: B023 - joined below
                        closed_loop(target, bodies, clients=CLIENTS, seconds=SECONDS)
                    )
                )
                load.start()
                for version in versions:
                    time.sleep(1.0)
                    _manage(data_dir, "promote_model", version, "--reason", "benchmark")
                load.join()
                asked = sum(map(len, outcomes[0].latencies.values()))
                failed[name].append(asked - len(outcomes[0].good))
                slow[name].append(outcomes[0].milliseconds(100))
    return Suite(
        "swap",
        f"{CLIENTS} clients for {SECONDS:.0f} s; int8 to fp32 and back within that time.",
        [
            Figure("failed requests", "", failed, target="0"),
            Figure("the slowest answer", "ms", slow),
        ],
    )


def _manage(data_dir: Path, *arguments: str) -> str:
    answer = subprocess.run(  # noqa: S603 - our own command lines, no shell
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **own_environment(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout
