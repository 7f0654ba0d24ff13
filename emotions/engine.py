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
# How often a serving process asks which version should serve: a promotion is seen within two
# seconds, at a quarter of a millisecond of CPU each time.
WATCH_SECONDS = 1.5
# A version that failed to load is tried again after this many looks.
RETRY_LOOKS = 30
PROBE = "A short sentence that takes the whole way through the queue."


@dataclass(frozen=True, slots=True)
class Serving:
    """The version that should serve: its digest, and where it lies."""

    digest: str
    folder: Path


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the engine needs to know; made from the settings by ``EmotionsConfig``."""

    serving: Callable[[], Serving]
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
        self._stopping: threading.Event | None = None
        self._failed: tuple[str, int] = ("", 0)
        self.error = ""

    def configure(self, config: EngineConfig) -> None:
        """Say where the model is. Cheap: nothing is loaded."""
        self._config = config

    def start(self, *, background: bool = True) -> None:
        """Load and warm the model once, then follow promotions.

        Both happen in a thread of their own; with *background* false the first load does not,
        and promotions are not followed.
        """
        with self._starting:
            if self._stopping:
                return
            stopping = self._stopping = threading.Event()
        if background:
            threading.Thread(
                target=self._watch, args=(stopping,), name="valence-load", daemon=True
            ).start()
        else:
            self.refresh()

    def stop(self) -> None:
        """Finish the queued texts and let the model go; ``start()`` may be called again."""
        if self._stopping:
            self._stopping.set()
        loaded, self._loaded, self._stopping = self._loaded, None, None
        if loaded:
            loaded.batcher.close()

    def refresh(self) -> None:
        """Load the version that should serve, if it is another, and swap it in.

        The old one answers until the new one is warm, then finishes what it has and is freed.
        When the new one cannot be loaded the old one stays and ``error`` says why.
        """
        try:
            serving = self._configured().serving()
            if self._loaded and self._loaded.classifier.digest == serving.digest:
                self.error = ""
            elif self._may_try(serving.digest):
                self._swap(serving)
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            if message != self.error:  # once, not at every look
                logger.exception("the version that should serve could not be loaded")
            self.error = message

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
        try:
            return self._analyze(config, loaded, texts)
        except NotReadyError:
            # The model was swapped after we took it and before we queued: the new one answers.
            if self._ready() is loaded:
                raise
            return self._analyze(config, self._ready(), texts)

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

    def _analyze(self, config: EngineConfig, loaded: _Loaded, texts: Sequence[str]) -> Answer:
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

    def _watch(self, stopping: threading.Event) -> None:
        self.refresh()
        while not stopping.wait(WATCH_SECONDS):
            self.refresh()

    def _may_try(self, digest: str) -> bool:
        """Whether *digest* is new, or failed long enough ago."""
        failed, looks = self._failed
        if digest != failed:
            return True
        self._failed = (failed, looks - 1)
        return looks <= 1

    def _swap(self, serving: Serving) -> None:
        config, started = self._configured(), time.perf_counter()
        self._failed = (serving.digest, RETRY_LOOKS)
        classifier = Classifier.load(serving.folder, config.runtime)
        limits = BatcherLimits(token_budget=TOKEN_BUDGET, capacity=config.queue_capacity)
        old = self._loaded
        self._loaded = _Loaded(classifier, Batcher(classifier.predict_encoded, limits))
        self._failed, self.error = ("", 0), ""
        logger.info(
            "serving %s %s, digest %s, on %s; loaded in %.1f s",
            *(classifier.manifest.name, classifier.manifest.version, classifier.digest[:12]),
            *(classifier.device, time.perf_counter() - started),
        )
        if old:
            old.batcher.close()

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
