"""The way of texts through one loaded version: cache, queue, model, calibration."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotions import metrics
from emotions.cache import CachedResult, Key, ResultCache
from emotions.presentation import Presentation, Presenter, presenters
from mlops.inference.batcher import Batcher
from mlops.inference.calibration import rows_pack, rows_unpack
from mlops.inference.classifier import Classifier
from mlops.inference.errors import InferenceError
from mlops.inference.tickets import Ticket
from mlops.inference.tokenization import EncodedText, text_normalise
from mlops.routing.labels import LabelMap
from mlops.routing.table import ArmRoute, RolloutRoute, Serving

FloatArray = NDArray[np.float32]


class TextResult(NamedTuple):
    """The calibrated probabilities of one text's labels, packed."""

    row: bytes
    tokens: int
    windows: int
    cached: bool
    unknown: int | None = None

    @property
    def probabilities(self) -> FloatArray:
        """As an array, ``(labels,)``."""
        row: FloatArray = rows_unpack([self.row])[0]
        return row


class Timings(NamedTuple):
    """Milliseconds of one request; queue and infer are those of its slowest text."""

    tokenise: float = 0.0
    queue: float = 0.0
    infer: float = 0.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version in memory, and the queue in front of it."""

    classifier: Classifier
    batcher: Batcher


@dataclass(frozen=True, slots=True)
class Route:
    """The version that answers a caller, and why: production, an arm of a rollout, or a pin.

    ``labels`` and ``thresholds`` are those of the answer: the model's own, or the champion's
    where the arm has a label map. ``presenter`` gives what presents it in the way that is wanted.
    """

    loaded: Loaded
    serving: Serving
    labels: tuple[str, ...]
    thresholds: FloatArray
    presenter: Callable[[Presentation], Presenter]
    rollout: RolloutRoute | None = None
    arm: ArmRoute | None = None
    label_map: LabelMap | None = None
    pinned: bool = False


class Answer(NamedTuple):
    """One result or error per text, in order, and the route that they came by."""

    results: list[TextResult | InferenceError]
    route: Route
    timings: Timings

    @property
    def classifier(self) -> Classifier:
        """The model that answered."""
        return self.route.loaded.classifier


def route_make(
    loaded: Loaded,
    serving: Serving,
    *,
    rollout: RolloutRoute | None = None,
    arm: ArmRoute | None = None,
    pinned: bool = False,
) -> Route:
    """A route with the labels that its answers have."""
    classifier = loaded.classifier
    label_map = arm.label_map if arm else None
    labels, thresholds = tuple(classifier.manifest.product_labels), classifier.calibrator.thresholds
    if label_map:
        labels, thresholds = label_map.labels, label_map.thresholds(thresholds)
    return Route(
        loaded=loaded,
        serving=serving,
        labels=labels,
        thresholds=thresholds,
        presenter=presenters(labels, thresholds),
        rollout=rollout,
        arm=arm,
        label_map=label_map,
        pinned=pinned,
    )


def texts_answer(route: Route, cache: ResultCache, deadline: float, texts: Sequence[str]) -> Answer:
    """Results in the order of *texts*.

    Raises:
        InferenceError: if the texts do not fit into the queue or are not answered in time.
    """
    loaded = route.loaded
    normal = [text_normalise(text) for text in texts]
    keys = [cache.key(loaded.classifier.digest, text) for text in normal]
    known = cache.get_many(dict.fromkeys(keys))
    missing = {key: text for key, text in zip(keys, normal, strict=True) if key not in known}
    metrics.cache_count(hits=len(texts) - len(missing), misses=len(missing))
    fresh, errors, timings = _compute(loaded, deadline, missing)
    if fresh:
        cache.keep(fresh)
    return Answer(_results(route, keys, known, fresh, errors), route, timings)


def _compute(
    loaded: Loaded, deadline: float, missing: dict[Key, str]
) -> tuple[dict[Key, CachedResult], dict[Key, InferenceError], Timings]:
    if not missing:
        return {}, {}, Timings()
    started = time.perf_counter()
    encoded = loaded.classifier.encode_normal(list(missing.values()))
    tokenised = time.perf_counter()
    texts: dict[Hashable, EncodedText] = dict(zip(missing, encoded, strict=True))
    tickets = loaded.batcher.compute(texts, deadline)
    metrics.queue_depth(loaded.batcher.depth)
    timings = _timings(tokenised - started, tickets)
    metrics.stages_observe(timings)
    return *_settled(list(missing), tickets), timings


def _timings(tokenise: float, tickets: Sequence[Ticket]) -> Timings:
    return Timings(
        tokenise=tokenise * 1000,
        queue=max([ticket.started_at - ticket.queued_at for ticket in tickets]) * 1000,
        infer=max([ticket.done_at - ticket.started_at for ticket in tickets]) * 1000,
    )


def _settled(
    keys: Sequence[Key], tickets: Sequence[Ticket]
) -> tuple[dict[Key, CachedResult], dict[Key, InferenceError]]:
    fresh, errors = {}, {}
    for key, ticket in zip(keys, tickets, strict=True):
        if ticket.row is not None:
            encoded = ticket.encoded
            fresh[key] = CachedResult(
                ticket.row, encoded.tokens, len(encoded.windows), encoded.unknown
            )
        else:
            errors[key] = ticket.error or InferenceError("no answer")
    return fresh, errors


def _results(
    route: Route,
    keys: Sequence[Key],
    known: Mapping[Key, CachedResult],
    fresh: Mapping[Key, CachedResult],
    errors: Mapping[Key, InferenceError],
) -> list[TextResult | InferenceError]:
    entries = {**known, **fresh}
    rows = {key: entry.row for key, entry in entries.items()}
    if route.label_map and rows:
        mapped = route.label_map.scores(rows_unpack([*rows.values()]))
        rows = dict(zip(rows, rows_pack(mapped), strict=True))
    return [
        errors[key] if key in errors else _result(entries[key], rows[key], cached=key in known)
        for key in keys
    ]


def _result(entry: CachedResult, row: bytes, *, cached: bool) -> TextResult:
    return TextResult(row, entry.tokens, entry.windows, cached, entry.unknown)
