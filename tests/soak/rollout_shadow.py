"""Does a shadow ten times as slow slow live answers down? In turns with and without it, over HTTP.

    DATA_DIR=/tmp/soak-shadow python -m tests.soak.rollout_shadow PORT DEV.tsv [SECONDS]

DEV.tsv holds the texts, in GoEmotions format; SECONDS (20) are those of a block, of which there
are eight. About four minutes, the first time; DATA_DIR may be empty, DATABASE_URL may be set.

Callers with one key are in a rollout whose shadow sees all their texts, callers with the other are
in none. Both send the same texts at the same times, at random, at 30 % of what the server
can answer. The shadow's queue is empty before every block.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.soak.openloop import Asked, Body, arrivals, ask_all, capacity, texts_read, unequal
from tests.soak.rollout_split import SCOPES, SETTLED, Api
from tests.soak.serving import EMAIL, family, key_make, manage, server_start
from tests.soak.versions import CHAMPION, slow_version

TIMES, SHARE, PAIRS, DRAWS = 10.0, 0.3, 4, 2_000
# What the aim allows: the 99th percentile within 10 %.
AIM = 1.1
# Short, so that it is soon empty: it is full within seconds, since the shadow falls behind.
QUEUE = 20
# As the setting: requests later than this after the last answer may meet a pass.
GAP = 0.03
COUNTED = {
    "answered": 'valence_shadow_texts_total{outcome="answered"}',
    "failed": 'valence_shadow_texts_total{outcome="failed"}',
    "dropped": 'valence_shadow_texts_total{outcome="dropped"}',
    "met": "valence_shadow_pauses_total",
    "waiting": "valence_shadow_waiting_texts",
}


@dataclass(frozen=True, slots=True)
class Block:
    """What was asked in it, and what the shadow did meanwhile."""

    pair: int
    shadow: bool
    asked: list[Asked]
    counts: dict[str, float]

    @property
    def latencies(self) -> np.ndarray:
        return np.array([each.milliseconds for each in self.asked])


def counts_read(port: int) -> dict[str, float]:
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(values.get(series, 0.0)) for name, series in COUNTED.items()}


def queue_empty(port: int) -> dict[str, float]:
    """Wait until no text waits for the shadow; the counts then."""
    deadline = time.monotonic() + 120
    while (counts := counts_read(port))["waiting"] and time.monotonic() < deadline:
        time.sleep(0.5)
    if counts["waiting"]:
        raise SystemExit(f"the shadow's queue does not empty: {counts}")
    time.sleep(0.5)
    return counts


def blocks_run(
    port: int, keys: dict[bool, str], texts: Iterator[str], rate: float, seconds: float
) -> list[Block]:
    blocks = []
    for pair in range(PAIRS):
        plan = arrivals(rate, seconds, seed=pair)
        for shadow in (True, False) if pair % 2 else (False, True):
            before = queue_empty(port)
            bodies: Iterator[Body] = ({"text": text} for text in texts)
            asked = ask_all(port, keys[shadow], plan, bodies)
            after = counts_read(port)
            counts = {name: after[name] - before[name] for name in COUNTED}
            blocks.append(Block(pair, shadow, asked, {**counts, "waiting": before["waiting"]}))
            print(_row(blocks[-1]), flush=True)
    return blocks


def _row(block: Block) -> str:
    median, tail = np.quantile(block.latencies, [0.5, 0.99])
    late = np.quantile([each.sent - each.planned for each in block.asked], 0.99) * 1000
    failed = sum(each.status != 200 for each in block.asked)
    infer = np.median([_infer(each) for each in block.asked if each.status == 200])
    counts = block.counts
    return (
        f"pair {block.pair + 1} {'with   ' if block.shadow else 'without'} "
        f"p50 {median:6.2f} ms  p99 {tail:7.2f} ms  model p50 {infer:5.2f} ms  "
        f"{len(block.asked)} requests, {failed} failed, p99 sent {late:.1f} ms late; "
        f"shadow: {counts['answered']:.0f} answered, {counts['failed']:.0f} failed, "
        f"{counts['dropped']:.0f} dropped, {counts['met']:.0f} passes stopped by a request"
    )


def _infer(asked: Asked) -> float:
    return float(asked.answer["meta"]["timings_ms"]["infer"])


def pooled(blocks: Sequence[Block], *, shadow: bool) -> np.ndarray:
    return np.concatenate([block.latencies for block in blocks if block.shadow == shadow])


def ratio_interval(blocks: Sequence[Block], q: float) -> tuple[float, float, float]:
    """The pooled ratio of the *q* quantiles, with a 95 % bootstrap interval.

    Drawn are seconds of a pair's plan, with what both of its blocks had then: neighbours in time
    are alike, and both blocks have the same arrivals.
    """
    seconds: dict[tuple[int, int], dict[bool, list[float]]] = {}
    for block in blocks:
        for each in block.asked:
            place = seconds.setdefault((block.pair, int(each.planned)), {True: [], False: []})
            place[block.shadow].append(each.milliseconds)
    chunks = [{side: np.array(found) for side, found in both.items()} for both in seconds.values()]
    chance = np.random.default_rng(0)

    def ratio(numbers: Sequence[int] | np.ndarray) -> float:
        sides = (np.concatenate([chunks[n][side] for n in numbers]) for side in (True, False))
        above, below = (np.quantile(side, q) for side in sides)
        return float(above / below)

    drawn = [ratio(chance.integers(len(chunks), size=len(chunks))) for _ in range(DRAWS)]
    return ratio(range(len(chunks))), *np.quantile(drawn, [0.025, 0.975])


def after_a_gap(blocks: Sequence[Block], *, shadow: bool) -> np.ndarray:
    """Latencies of those that came when nobody had been answered for a while: they may meet a pass,
    and find its traces in the caches."""
    found = []
    for block in blocks:
        last = 0.0
        for each in block.asked if block.shadow == shadow else ():
            if each.planned - last > GAP:
                found.append(each.milliseconds)
            last = max(last, each.done)
    return np.array(found)


def report(blocks: Sequence[Block]) -> None:
    for q in (0.5, 0.95, 0.99):
        value, low, high = ratio_interval(blocks, q)
        above, below = (np.quantile(pooled(blocks, shadow=side), q) for side in (True, False))
        aim = f"; the aim is at most {AIM:.2f}" if q == 0.99 else ""
        print(
            f"pooled p{q * 100:.0f}: with {above:.2f} ms, without {below:.2f} ms, "
            f"ratio {value:.3f} [{low:.3f}, {high:.3f}]{aim}"
        )
    per_pair = [
        np.quantile(pooled([b for b in blocks if b.pair == pair], shadow=True), 0.99)
        / np.quantile(pooled([b for b in blocks if b.pair == pair], shadow=False), 0.99)
        for pair in range(PAIRS)
    ]
    print(f"p99 ratio of each pair: {', '.join(f'{each:.2f}' for each in per_pair)}")
    quiet = sorted(np.quantile(b.latencies, 0.99) for b in blocks if not b.shadow)
    print(f"noise: p99 of the blocks without shadow, largest over least {quiet[-1] / quiet[0]:.2f}")
    with_gap, without = (after_a_gap(blocks, shadow=side) for side in (True, False))
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        print(
            f"requests {GAP * 1000:.0f} ms or more after the last answer, {name}: "
            f"with {np.quantile(with_gap, q):.2f} ms ({len(with_gap)}), "
            f"without {np.quantile(without, q):.2f} ms ({len(without)})"
        )
    total = {name: sum(b.counts[name] for b in blocks if b.shadow) for name in COUNTED}
    live = sum(len(b.asked) for b in blocks if b.shadow)
    print(
        f"shadow during its blocks: {total['answered']:.0f} texts answered, "
        f"{total['dropped']:.0f} dropped of {live}; {total['met']:.0f} live requests "
        f"({total['met'] / live:.1%}) met a pass and stopped it"
    )


def children_print(server: int) -> None:
    """Priority and threads of the shadows' processes, as the kernel has them."""
    for pid in family(server):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if "mlops.inference.child" not in command:
            continue
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        busy = [int((task / "schedstat").read_text().split()[0]) / 1e6 for task in tasks]
        group = Path(f"/proc/{pid}/autogroup")
        session = group.read_text().strip() if group.exists() else "not weighed by this kernel"
        fields = [re.sub(r".*\) ", "", (task / "stat").read_text()).split() for task in tasks]
        print(
            f"shadow process {pid}: nice {sorted({int(f[16]) for f in fields})}, policy "
            f"{sorted({int(f[38]) for f in fields})} (5 is SCHED_IDLE); {len(tasks)} threads, "
            f"of whose time {max(busy) / sum(busy):.1%} in one; its session: {session}"
        )


def rollout_begin(api: Api, key_id: str, slow: str) -> str:
    name = f"soak-shadow-{int(time.time())}"
    arms: list[dict[str, Any]] = [
        {"name": "champion", "version": CHAMPION, "weight": 1, "champion": True},
        {"name": "shadow", "version": slow, "weight": 1, "mode": "shadow"},
    ]
    api.post("rollouts/", name=name, arms=arms, scopes=[f"key:{key_id}"]).raise_for_status()
    api.post(f"rollouts/{name}/start/").raise_for_status()
    time.sleep(SETTLED)
    return name


def shadowed_key() -> tuple[str, str]:
    """Id and secret of a second key."""
    scope = ("--scope", "emotions:read")
    made = json.loads(manage("create_api_key", EMAIL, "--name", "shadowed", "--json", *scope))
    return made["id"], made["key"]


def main(port: int, file: str, seconds: float) -> None:
    os.environ["SHADOW_QUEUE"] = str(QUEUE)
    plain, texts = key_make(*SCOPES), texts_read(file)
    slow = slow_version(texts, TIMES)
    key_id, key = shadowed_key()
    server = server_start(port, workers=max(1, (os.cpu_count() or 1) // 2))
    api, lines = Api(port, plain), unequal(texts)
    name = ""
    try:
        most = capacity(port, plain, ({"text": text} for text in lines), 5.0)
        rate = SHARE * most
        print(
            f"load average {os.getloadavg()[0]:.2f}; {most:.0f} answers a second at most, "
            f"{rate:.0f} are asked for; blocks of {seconds:g} s",
            flush=True,
        )
        name = rollout_begin(api, key_id, slow)
        # The first text loads the shadow.
        ask_all(port, key, [0.0], iter([{"text": "the first text"}]))
        queue_empty(port)
        report(blocks_run(port, {True: key, False: plain}, lines, rate, seconds))
        queue_empty(port)
        children_print(server.pid)
    finally:
        if name:
            api.post(f"rollouts/{name}/conclude/", reason="the run is over")
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 20.0)
