"""The engine: one model, its queue and its cache, shared by all threads of a process.

``engine`` is the singleton. It costs nothing until ``start()``, which serving processes call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotions import metrics
from emotions.cache import CachedResult, Key, ResultCache
from mlops.inference.backends import RuntimeOptions
from mlops.inference.batcher import Batcher, BatcherLimits, Ticket
from mlops.inference.classifier import TOKEN_BUDGET, Classifier
from mlops.inference.errors import InferenceError, NotReadyError
from mlops.inference.tokenization import text_normalise

FloatArray = NDArray[np.float32]
logger = logging.getLogger(__name__)
PROBE = "A short sentence that takes the whole way through the queue."


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the engine needs to know; made from the settings by ``EmotionsConfig``."""

    folder: Callable[[], Path]
    runtime: RuntimeOptions
    queue_capacity: int
    deadline: float
    cache: ResultCache


@dataclass(frozen=True, slots=True)
class TextResult:
    """Calibrated probabilities ``(labels,)`` of one text."""

    probabilities: FloatArray
    tokens: int
    windows: int
    cached: bool


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds of one request; queue and infer are those of its slowest text."""

    tokenise: float = 0.0
    queue: float = 0.0
    infer: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One result or error per text, in order, and the classifier that gave them."""

    results: list[TextResult | InferenceError]
    classifier: Classifier
    timings: Timings


@dataclass(frozen=True, slots=True)
class _Loaded:
    classifier: Classifier
    batcher: Batcher


class Engine:
    """Texts in, calibrated probabilities out, from whatever version is loaded."""

    def __init__(self) -> None:
        self._config: EngineConfig | None = None
        self._loaded: _Loaded | None = None
        self._starting = threading.Lock()
        self._started = False
        self.error = ""

    def configure(self, config: EngineConfig) -> None:
        """Say where the model is. Cheap: nothing is loaded."""
        self._config = config

    def start(self, *, background: bool = True) -> None:
        """Load and warm the model once, in a thread of its own unless *background* is false."""
        with self._starting:
            if self._started:
                return
            self._started = True
        if background:
            threading.Thread(target=self._load, name="valence-load", daemon=True).start()
        else:
            self._load()

    def stop(self) -> None:
        """Finish the queued texts and let the model go; ``start()`` may be called again."""
        loaded, self._loaded, self._started = self._loaded, None, False
        if loaded:
            loaded.batcher.close()

    @property
    def classifier(self) -> Classifier:
        """The loaded model.

        Raises:
            NotReadyError: before it is loaded; says why if loading failed.
        """
        return self._ready().classifier

    def analyze(self, texts: Sequence[str]) -> Answer:
        """Results in the order of *texts*; a text that the model fails on gets its own error.

        Raises:
            NotReadyError: before a model is loaded.
            QueueFullError: if the texts do not fit into the queue.
            DeadlineExceededError: if the answer takes longer than the configured deadline.
        """
        config, loaded = self._configured(), self._ready()
        classifier = loaded.classifier
        normal = [text_normalise(text) for text in texts]
        keys = [config.cache.key(classifier.digest, text) for text in normal]
        known = config.cache.get_many(dict.fromkeys(keys))
        missing = {key: text for key, text in zip(keys, normal, strict=True) if key not in known}
        metrics.cache_count(hits=len(texts) - len(missing), misses=len(missing))
        fresh, errors, timings = self._compute(loaded, config, missing)
        config.cache.set_many(fresh)
        results = _results(classifier, keys, known, fresh, errors)
        return Answer(results, classifier, timings)

    def probe(self) -> float:
        """Send one real text through the real queue; milliseconds it took.

        Raises:
            InferenceError: whatever kept it from being answered.
        """
        config, loaded = self._configured(), self._ready()
        started = time.perf_counter()
        submission = loaded.batcher.submit({object(): loaded.classifier.encode([PROBE])[0]})
        ticket = loaded.batcher.wait(submission, config.deadline)[0]
        if ticket.error:
            raise ticket.error
        return (time.perf_counter() - started) * 1000

    def _compute(
        self, loaded: _Loaded, config: EngineConfig, missing: dict[Key, str]
    ) -> tuple[dict[Key, CachedResult], dict[Key, InferenceError], Timings]:
        if not missing:
            return {}, {}, Timings()
        started = time.perf_counter()
        encoded = loaded.classifier.encode(list(missing.values()))
        tokenised = time.perf_counter()
        submission = loaded.batcher.submit(dict(zip(missing, encoded, strict=True)))
        metrics.queue_depth(loaded.batcher.depth)
        tickets = loaded.batcher.wait(submission, config.deadline)
        metrics.queue_depth(loaded.batcher.depth)
        timings = _timings(tokenised - started, tickets)
        metrics.stages_observe(timings)
        return *_settled(list(missing), tickets), timings

    def _load(self) -> None:
        try:
            config = self._configured()
            folder = config.folder()
            started = time.perf_counter()
            classifier = Classifier.load(folder, config.runtime)
            limits = BatcherLimits(token_budget=TOKEN_BUDGET, capacity=config.queue_capacity)
            self._loaded = _Loaded(classifier, Batcher(classifier.predict_encoded, limits))
            self.error = ""
            logger.info(
                "serving %s %s, digest %s, on %s; loaded in %.1f s",
                *(classifier.manifest.name, classifier.manifest.version, classifier.digest[:12]),
                *(classifier.device, time.perf_counter() - started),
            )
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            logger.exception("the model could not be loaded")

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            raise NotReadyError(self.error or "the model is being loaded")
        return self._loaded

    def _configured(self) -> EngineConfig:
        if self._config is None:
            raise NotReadyError("the engine is not configured")
        return self._config


def _timings(tokenise: float, tickets: Sequence[Ticket]) -> Timings:
    return Timings(
        tokenise=tokenise * 1000,
        queue=max(ticket.started_at - ticket.queued_at for ticket in tickets) * 1000,
        infer=max(ticket.done_at - ticket.started_at for ticket in tickets) * 1000,
    )


def _settled(
    keys: Sequence[Key], tickets: Sequence[Ticket]
) -> tuple[dict[Key, CachedResult], dict[Key, InferenceError]]:
    fresh, errors = {}, {}
    for key, ticket in zip(keys, tickets, strict=True):
        if ticket.row is not None:
            fresh[key] = CachedResult(
                ticket.row, ticket.encoded.tokens, len(ticket.encoded.windows)
            )
        else:
            errors[key] = ticket.error or InferenceError("no answer")
    return fresh, errors


def _results(
    classifier: Classifier,
    keys: Sequence[Key],
    known: dict[Key, CachedResult],
    fresh: dict[Key, CachedResult],
    errors: dict[Key, InferenceError],
) -> list[TextResult | InferenceError]:
    entries = {**known, **fresh}
    if entries:
        calibrated = classifier.calibrator.apply(
            np.stack([entry.probabilities for entry in entries.values()])
        )
        rows = dict(zip(entries, calibrated, strict=True))
    return [
        errors[key]
        if key in errors
        else TextResult(rows[key], entries[key].tokens, entries[key].windows, key in known)
        for key in keys
    ]


engine = Engine()
