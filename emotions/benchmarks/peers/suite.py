"""The same texts, model, client and cores for each server, in turn."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from emotions.benchmarks.bare import Bare, milliseconds, unique
from emotions.benchmarks.client import Target, ask, closed_loop, connect, post
from emotions.benchmarks.figures import Figure, Suite
from emotions.benchmarks.http import requests
from emotions.benchmarks.server import Server, api_key, free_port, our_target, ours
from emotions.placement import cores

ROUNDS = 3
CLIENTS = 16
SECONDS = 3.0
SINGLES = 100
OURS = "valence"


@dataclass(frozen=True, slots=True)
class Peer:
    """How to start a server, and how a text is sent to it."""

    name: str
    command: Callable[[Path, int], list[str]]
    ready: str
    path: str
    body: Callable[[str], object]


def _module(name: str) -> str:
    return f"emotions.benchmarks.peers.{name}"


def _oip(text: str) -> object:
    values = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
    return {"inputs": [values]}


PEERS = (
    Peer(
        "fastapi",
        lambda bin_, port: [
            *(str(bin_ / "uvicorn"), f"{_module('fastapi_app')}:app", "--port", str(port)),
            *("--workers", str(cores()), "--log-level", "warning", "--no-access-log"),
        ],
        "/ready",
        "/score",
        lambda text: {"text": text},
    ),
    Peer(
        "litserve",
        lambda bin_, _: [str(bin_ / "python"), "-m", _module("litserve_app")],
        "/health",
        "/predict",
        lambda text: {"text": text},
    ),
    Peer(
        "bentoml",
        lambda bin_, port: [
            *(str(bin_ / "bentoml"), "serve", f"{_module('bentoml_app')}:Emotions"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        "/readyz",
        "/score",
        lambda text: {"texts": [text]},
    ),
    Peer(
        "mlserver",
        lambda bin_, _: [str(bin_ / "mlserver"), "start", "."],
        "/v2/models/emotions/ready",
        "/v2/models/emotions/infer",
        _oip,
    ),
)


def peers_suite(
    bare: Bare, texts: Sequence[str], data_dir: Path, peers: Path, model: Path
) -> Suite:
    """Whatever ``make bench-peers`` has installed in *peers*, and ours, each alone, in turn."""
    found = [peer for peer in PEERS if (peers / peer.name / "bin").is_dir()]
    names = [OURS, *(peer.name for peer in found)]
    series: dict[str, dict[str, list[float]]] = {
        kind: {name: [] for name in names}
        for kind in ("single", "cpu", "rate", "slow", "memory", "all", "idle")
    }
    series["single"]["bare"], series["cpu"]["bare"] = [], []
    for _ in range(ROUNDS):
        with ours(data_dir, WORKERS=str(cores()), PIN_WORKERS="1") as server:
            target = our_target(server, api_key(data_dir))
            _measure(series, OURS, server, target, texts)
        for peer in found:
            with _server(peer, peers, model, data_dir) as server:
                _measure(series, peer.name, server, _target(peer, server), texts)
        before = time.process_time()
        series["single"]["bare"] += [
            milliseconds(bare.call, text) for text in itertools.islice(unique(texts), SINGLES)
        ]
        series["cpu"]["bare"].append((time.process_time() - before) / SINGLES * 1000)
    note = (
        "Each server alone, a process or worker for each core, one core a pass. Ours keeps each to "
        "its core (PIN_WORKERS); the others have no such setting. Only ours checks a key, counts "
        "limits, keeps a log and metrics. Of memory that processes share, each holds its part "
        "(PSS); all of them are the supervisor, too, and what starts the workers."
    )
    return Suite("peers", note, _figures(series, names))


def _figures(series: dict[str, dict[str, list[float]]], names: Sequence[str]) -> list[Figure]:
    against = [
        Figure(
            f"throughput against {name}",
            "texts/s",
            {each: series["rate"][each] for each in (OURS, name)},
            (OURS, name),
            "at least 1.0" if name == "fastapi" else "at least 1.3",
        )
        for name in names[1:]
    ]
    return [
        Figure("one client, median", "ms", series["single"]),
        Figure("its CPU, all processes", "ms", series["cpu"]),
        Figure(f"{CLIENTS} clients", "texts/s", series["rate"]),
        Figure("their 99th percentile", "ms", series["slow"]),
        Figure("memory of the largest process", "MB", series["memory"]),
        Figure("memory of all its processes", "MB", series["all"]),
        Figure("CPU when idle", "% of a core", series["idle"]),
        *against,
    ]


def _measure(
    series: dict[str, dict[str, list[float]]],
    name: str,
    server: Server,
    target: Target,
    texts: Sequence[str],
) -> None:
    bodies = requests(target, texts)
    closed_loop(target, bodies, clients=8, seconds=2.0)  # warm
    outcome = closed_loop(target, bodies, clients=CLIENTS, seconds=SECONDS)
    series["rate"][name].append(outcome.rate)
    series["slow"][name].append(outcome.milliseconds(99))
    connection = connect(target)
    before = server.cpu_seconds()
    series["single"][name] += [ask(connection, next(bodies)) for _ in range(SINGLES)]
    series["cpu"][name].append((server.cpu_seconds() - before) / SINGLES * 1000)
    held = server.memory().values()
    series["memory"][name].append(max(held))
    series["all"][name].append(sum(held))
    series["idle"][name].append(server.idle())


def _target(peer: Peer, server: Server) -> Target:
    return Target(
        "127.0.0.1",
        server.port,
        lambda texts: post(peer.path, {}, orjson.dumps(peer.body(texts[0]))),
    )


def _server(peer: Peer, peers: Path, model: Path, data_dir: Path) -> Server:
    port = free_port()
    folder = data_dir / peer.name
    if peer.name == "mlserver":
        _mlserver_folder(folder, port)
    root = Path(__file__).resolve().parents[3]
    environment = {
        "PATH": f"{peers / peer.name / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(root),
        "VALENCE_MODEL": str(model),
        "PEER_PORT": str(port),
        "PEER_WORKERS": str(cores()),
        # Telemetry would be measured too.
        "BENTOML_DO_NOT_TRACK": "True",
        "ORT_DISABLE_TELEMETRY": "1",
    }
    return Server(
        peer.command(peers / peer.name / "bin", port),
        port,
        peer.ready,
        environment,
        folder if peer.name == "mlserver" else root,
        data_dir / f"{peer.name}.log",
    )


def _mlserver_folder(folder: Path, port: int) -> None:
    """MLServer reads its settings from files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = {
        "host": "127.0.0.1",
        "debug": False,  # no line for each request
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_endpoint": None,
        "parallel_workers": cores(),
    }
    model = {
        "name": "emotions",
        "implementation": f"{_module('mlserver_app')}.Emotions",
        "max_batch_size": 16,
        "max_batch_time": 0.005,
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
