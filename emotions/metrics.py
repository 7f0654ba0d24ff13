"""What Prometheus sees of the engine; django-prometheus adds requests, database and cache."""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from config.common.notes import BulkHistogram, notes

if TYPE_CHECKING:
    from emotions.engine import Timings

_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

PREDICTIONS = Counter(
    "valence_predictions_total", "Texts answered, by dominant emotion.", ["emotion", "version"]
)
STAGE = BulkHistogram(
    "valence_stage_seconds", "Time in each stage of the engine.", ["stage"], buckets=_SECONDS
)
CACHE = Counter("valence_cache_total", "Texts looked up in the result cache.", ["outcome"])
CASCADE = Counter(
    "valence_cascade_texts_total",
    "Texts that a cascade computed, by which of its models answered.",
    ["version", "model"],
)
QUEUE = Gauge("valence_queue_depth", "Texts waiting for the model.", multiprocess_mode="livesum")
_TOKENISE, _QUEUED, _INFER = (STAGE.labels(name) for name in ("tokenise", "queue", "infer"))
_HIT, _MISS = CACHE.labels("hit"), CACHE.labels("miss")


def cache_count(*, hits: int, misses: int) -> None:
    """Note look-ups of the result cache."""
    notes.add(_look_ups_count, (hits, misses))


def cascade_counter(version: str) -> Callable[[int, int], None]:
    """What counts the texts that a cascade's small model and its full one answered."""
    small, full = (CASCADE.labels(version, model) for model in ("small", "full"))

    def count(answered: int, handed_on: int) -> None:
        small.inc(answered)
        full.inc(handed_on)

    return count


class _Depth:
    """The gauge is written only when it changes: nearly always nobody waits, as before."""

    def __init__(self) -> None:
        self._lock, self._shown = threading.Lock(), 0

    def show(self, depth: int) -> None:
        """Set the number of waiting texts."""
        if depth == self._shown:
            return
        with self._lock:
            self._shown = depth
            QUEUE.set(depth)


queue_depth = _Depth().show


def stages_observe(timings: Timings) -> None:
    """Note the stages of one request (milliseconds)."""
    notes.add(_stages_observe, timings)


def predictions_count(emotions: Sequence[str], version: str) -> None:
    """Note the dominant emotions of one request's texts."""
    notes.add(_predictions_count, (emotions, version))


def _look_ups_count(look_ups: Sequence[tuple[int, int]]) -> None:
    hits, misses = map(sum, zip(*look_ups, strict=True))
    _HIT.inc(hits)
    _MISS.inc(misses)


def _stages_observe(requests: Sequence[Timings]) -> None:
    _TOKENISE.observe_all([timings.tokenise / 1000 for timings in requests])
    _QUEUED.observe_all([timings.queue / 1000 for timings in requests])
    _INFER.observe_all([timings.infer / 1000 for timings in requests])


def _predictions_count(requests: Sequence[tuple[Sequence[str], str]]) -> None:
    predictions = Tally(
        (emotion, version) for emotions, version in requests for emotion in emotions
    )
    for (emotion, version), count in predictions.items():
        PREDICTIONS.labels(emotion, version).inc(count)
