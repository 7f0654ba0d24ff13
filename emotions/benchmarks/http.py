"""The product over HTTP against the bare model, in turn: time, CPU, traffic of several kinds."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from emotions.benchmarks.bare import Bare, milliseconds, twin, unique
from emotions.benchmarks.client import Target, ask, closed_loop, connect, open_loop
from emotions.benchmarks.figures import Figure, Suite
from emotions.benchmarks.server import Server, api_key, our_target, ours
from emotions.placement import on_core

BLOCKS, BLOCK = 40, 25
BATCH, BATCHES = 64, 32
CLIENTS = (1, 4, 16, 64)
LOOP_SECONDS = 4.0
HIT_RATES = (0.0, 0.5, 0.9)
ROUNDS = 3


def http_suite(bare: Bare, texts: Sequence[str], data_dir: Path) -> Suite:
    """One server process with key, limits, log and metrics on."""
    with ours(data_dir, WORKERS="1") as server:
        target = our_target(server, api_key(data_dir))
        bodies = requests(target, texts)
        closed_loop(target, bodies, clients=4, seconds=3.0)  # warm
        figures = [
            *_single(bare, texts, server, target),
            *_batch(bare, texts, server, target),
            *_cached(server, target),
            *_clients(target, bodies),
            *_mixed(target, texts),
            *_open(target, bodies),
        ]
    return Suite("http", "One server process; key, limits, request log and metrics on.", figures)


def requests(target: Target, texts: Sequence[str]) -> Iterator[bytes]:
    """Single texts that no cache knows."""
    return (target.request([text]) for text in unique(texts))


def _single(bare: Bare, texts: Sequence[str], server: Server, target: Target) -> list[Figure]:
    times: dict[str, list[float]] = {"http": [], "bare": []}
    cpu: dict[str, list[float]] = {"http": [], "bare": []}
    connection, source = connect(target), unique(texts)
    # The bare model on each core in turn: the server's threads come to run on all of them, and one
    # may be slower than another for minutes where others use the same machine.
    for number in range(BLOCKS):
        block = list(itertools.islice(source, BLOCK))
        bodies = [target.request([text]) for text in block]
        before = server.cpu_seconds()
        times["http"] += [ask(connection, body) for body in bodies]
        cpu["http"].append((server.cpu_seconds() - before) / BLOCK * 1000)
        before = time.process_time()
        with on_core(number):
            times["bare"] += [milliseconds(bare.call, twin(text)) for text in block]
        cpu["bare"].append((time.process_time() - before) / BLOCK * 1000)
    ratio = ("http", "bare")
    return [
        Figure("one uncached text, one client", "ms", times, ratio, "at most 1.40"),
        Figure("its CPU, blocks of 25", "ms", cpu, ratio, "at most 1.30"),
    ]


def _batch(bare: Bare, texts: Sequence[str], server: Server, target: Target) -> list[Figure]:
    times: dict[str, list[float]] = {"http": [], "bare": []}
    cpu: dict[str, list[float]] = {"http": [], "bare": []}
    connection, source = connect(target), unique(texts)
    for number in range(BATCHES):
        batch = list(itertools.islice(source, BATCH))
        before = server.cpu_seconds()
        times["http"].append(ask(connection, target.request(batch)))
        cpu["http"].append((server.cpu_seconds() - before) * 1000)
        twins = [twin(text) for text in batch]
        before = time.process_time()
        with on_core(number):
            times["bare"].append(milliseconds(bare.batch, twins))
        cpu["bare"].append((time.process_time() - before) * 1000)
    ratio = ("http", "bare")
    return [
        Figure(f"a batch of {BATCH}, all cores against one", "ms", times, ratio),
        Figure(f"CPU of a batch of {BATCH}", "ms", cpu, ratio, "at most 1.05"),
    ]


def _cached(server: Server, target: Target) -> list[Figure]:
    same = itertools.repeat(target.request(["A text that everybody sends."]))
    rates, per_core = [], []
    for _ in range(ROUNDS):
        before = server.cpu_seconds()
        outcome = closed_loop(target, same, clients=8, seconds=LOOP_SECONDS)
        rates.append(outcome.rate)
        per_core.append(len(outcome.good) / (server.cpu_seconds() - before))
    series = {"served": rates, "per second of CPU": per_core}
    return [
        Figure("a cached text, 8 clients", "requests/s", series, target="at least 1,500 per core")
    ]


def _clients(target: Target, bodies: Iterator[bytes]) -> list[Figure]:
    rates: dict[str, list[float]] = {f"{clients} clients": [] for clients in CLIENTS}
    slow: dict[str, list[float]] = {f"{clients} clients": [] for clients in CLIENTS}
    for _ in range(ROUNDS):
        for clients in CLIENTS:
            outcome = closed_loop(target, bodies, clients=clients, seconds=LOOP_SECONDS)
            rates[f"{clients} clients"].append(outcome.rate)
            slow[f"{clients} clients"].append(outcome.milliseconds(99))
    return [
        Figure("uncached texts, closed loop", "texts/s", rates),
        Figure("their 99th percentile", "ms", slow),
    ]


def _mixed(target: Target, texts: Sequence[str]) -> list[Figure]:
    rates: dict[str, list[float]] = {f"{rate:.0%} known": [] for rate in HIT_RATES}
    for _ in range(ROUNDS):
        for rate in HIT_RATES:
            bodies = (target.request([text]) for text in zipf(texts, hit_rate=rate))
            outcome = closed_loop(target, bodies, clients=16, seconds=LOOP_SECONDS)
            rates[f"{rate:.0%} known"].append(outcome.rate)
    return [Figure("Zipf traffic by hit rate, 16 clients", "texts/s", rates)]


def zipf(texts: Sequence[str], *, hit_rate: float) -> Iterator[str]:
    """Texts of which about *hit_rate* were seen before: popular ones by rank, the rest new."""
    generator = random.Random(1)  # noqa: S311 - no secret
    popular = texts[:200]
    weights = [1 / rank for rank in range(1, len(popular) + 1)]
    fresh = unique(texts)
    while True:
        if generator.random() < hit_rate:
            yield generator.choices(popular, weights)[0]
        else:
            yield next(fresh)


def _open(target: Target, bodies: Iterator[bytes]) -> list[Figure]:
    peak = closed_loop(target, bodies, clients=16, seconds=LOOP_SECONDS).rate
    shares: dict[str, float] = {"at half of capacity": 0.5, "at three quarters": 0.75}
    median: dict[str, list[float]] = {name: [] for name in shares}
    slow: dict[str, list[float]] = {name: [] for name in shares}
    for _ in range(ROUNDS):
        for name, share in shares.items():
            outcome = open_loop(target, bodies, rate=peak * share, seconds=LOOP_SECONDS)
            median[name].append(outcome.milliseconds(50))
            slow[name].append(outcome.milliseconds(99))
    return [
        Figure("open loop, median from due", "ms", median),
        Figure("open loop, 99th percentile from due", "ms", slow),
    ]
