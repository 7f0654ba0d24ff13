"""A load generator on one thread, cheap enough to share a machine with what it measures.

Closed loop: so many clients, each asks again when it has its answer. Open loop: requests fall due
at a fixed rate whatever the server does, and wait from then on; a server that stalls cannot make
the client ask less and so look better (coordinated omission).
"""

from __future__ import annotations

import itertools
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from emotions.benchmarks.figures import percentile

_CHUNK = 262_144
# What an open loop keeps ready at most; more would be the client's own limit.
MAX_CONNECTIONS = 400


@dataclass(frozen=True, slots=True)
class Target:
    """Where to ask, and how a text becomes the bytes of a request."""

    host: str
    port: int
    request: Callable[[list[str]], bytes]


@dataclass(slots=True)
class Outcome:
    """Seconds each answer took, by status, and the time that all took."""

    seconds: float = 0.0
    latencies: dict[int, list[float]] = field(default_factory=dict)
    # Requests that fell due and were not answered by the end.
    unanswered: int = 0

    def add(self, status: int, latency: float) -> None:
        """Count one answer."""
        self.latencies.setdefault(status, []).append(latency)

    @property
    def good(self) -> list[float]:
        """Latencies of what was answered."""
        return self.latencies.get(200, [])

    @property
    def refused(self) -> list[float]:
        """Latencies of what was told to come again."""
        return self.latencies.get(429, []) + self.latencies.get(503, [])

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.good) / self.seconds

    def milliseconds(self, percent: float) -> float:
        """A percentile of the answers' latencies."""
        return percentile(self.good, percent) * 1000


class _Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, target: Target) -> None:
        self.socket = socket.create_connection((target.host, target.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.started = 0.0
        self._buffer = b""

    def send(self, request: bytes, started: float) -> None:
        self.started, self._buffer = started, b""
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """The status once the answer is complete.

        Raises:
            ConnectionError: if the server hung up.
        """
        data = self.socket.recv(_CHUNK)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        if _length(head) > len(body):
            return None
        return int(head[9:12])


def closed_loop(
    target: Target, requests: Iterator[bytes], *, clients: int, seconds: float
) -> Outcome:
    """What *clients* get done in *seconds*."""
    outcome = Outcome()
    connections = [_Connection(target) for _ in range(clients)]
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(requests), time.perf_counter())
        busy = clients
        while busy:
            for key, _ in selector.select(1.0):
                connection = key.data
                status = connection.receive()
                if status is None:
                    continue
                now = time.perf_counter()
                outcome.add(status, now - connection.started)
                if now - started < seconds:
                    connection.send(next(requests), time.perf_counter())
                else:
                    busy -= 1
        outcome.seconds = time.perf_counter() - started
    _close(connections)
    return outcome


def open_loop(
    target: Target, requests: Iterator[bytes], *, rate: float, seconds: float, patience: float = 2.0
) -> Outcome:
    """What becomes of *rate* requests a second; each is timed from the moment it fell due."""
    outcome, everyone = Outcome(seconds=seconds), list[_Connection]()
    idle, due = deque[_Connection](), deque[float]()
    total, sent = int(rate * seconds), 0
    # Made beforehand: what the client does meanwhile is missing to the server.
    bodies = iter(list(itertools.islice(requests, total)))
    started = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        busy = 0
        while time.perf_counter() - started < seconds + patience and (sent < total or busy or due):
            now = time.perf_counter()
            while sent < total and started + sent / rate <= now:
                due.append(started + sent / rate)
                sent += 1
            while due and (idle or len(everyone) < MAX_CONNECTIONS):
                connection = idle.popleft() if idle else _new(target, selector, everyone)
                connection.send(next(bodies), due.popleft())
                busy += 1
            next_due = started + sent / rate - time.perf_counter() if sent < total else 0.05
            for key, _ in selector.select(max(0.0, min(next_due, 0.05))):
                status = key.data.receive()
                if status is not None:
                    outcome.add(status, time.perf_counter() - key.data.started)
                    idle.append(key.data)
                    busy -= 1
        outcome.unanswered = busy + len(due)
    _close(everyone)
    return outcome


def ask(connection: _Connection, request: bytes) -> float:
    """Milliseconds of a single request on *connection*."""
    started = time.perf_counter()
    connection.send(request, started)
    while (status := connection.receive()) is None:
        pass
    if status != 200:
        raise RuntimeError(f"the server answered {status}")
    return (time.perf_counter() - started) * 1000


def connect(target: Target) -> _Connection:
    """A connection for ``ask``."""
    return _Connection(target)


def post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """The bytes of a POST with JSON."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _new(
    target: Target, selector: selectors.BaseSelector, everyone: list[_Connection]
) -> _Connection:
    connection = _Connection(target)
    selector.register(connection.socket, selectors.EVENT_READ, connection)
    everyone.append(connection)
    return connection


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _close(connections: list[_Connection]) -> None:
    for connection in connections:
        connection.socket.close()
