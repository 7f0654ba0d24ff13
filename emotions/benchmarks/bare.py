"""The bare model: tokenise, ONNX Runtime, sigmoid. What everything else is measured against."""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from emotions.analysis.partial import Partial
from emotions.analysis.readers import rows_read, source_of
from emotions.analysis.run import rows_keep
from emotions.analysis.summary import Summary
from emotions.analysis.writers import output_write
from emotions.answering import Loaded, route_make, texts_answer
from emotions.benchmarks.figures import Figure, Suite
from emotions.cache import NoSharedCache, ResultCache
from mlops.inference.batcher import Batcher, BatcherLimits
from mlops.inference.classifier import Classifier, budget_batches
from mlops.routing.table import Serving

ROUNDS = 5
BATCHES = (1, 4, 16, 64)
LENGTHS = (8, 16, 32, 64, 128)


def unique(texts: Sequence[str]) -> Iterator[str]:
    """Texts for ever, each with a number that makes it new to every cache."""
    generator = random.Random(time.time_ns())  # noqa: S311 - no secret
    return (f"{generator.choice(texts)} {generator.randrange(10**6)}" for _ in itertools.count())


def bare_call(classifier: Classifier, text: str) -> None:
    """One text."""
    classifier.predict_encoded(classifier.encode([text]))


def bare_batch(classifier: Classifier, texts: Sequence[str]) -> None:
    """Several texts on one core, sorted and in batches of the same token budget."""
    encoded = classifier.encode(texts)
    for batch in budget_batches([text.cost for text in encoded], classifier.token_budget):
        classifier.predict_encoded([encoded[index] for index in batch])


def milliseconds(function: Callable[..., object], *arguments: object) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    function(*arguments)
    return (time.perf_counter() - started) * 1000


def engine_suite(classifier: Classifier, texts: Sequence[str]) -> Suite:
    """The model alone: by length, and by batch size with and without sorting."""
    return Suite(
        "engine",
        "The bare call in this process, one core: tokenise, ONNX Runtime, sigmoid.",
        [_by_length(classifier), _by_batch(classifier, texts), _known(classifier, texts)],
    )


def _by_length(classifier: Classifier) -> Figure:
    series: dict[str, list[float]] = {f"{length} tokens": [] for length in LENGTHS}
    for number in range(30):
        for length in LENGTHS:
            # One word, one token; two more mark begin and end.
            text = f"{number} " + "word " * (length - 3)
            series[f"{length} tokens"].append(milliseconds(bare_call, classifier, text))
    return Figure("one text by length", "ms", {name: runs[5:] for name, runs in series.items()})


def _by_batch(classifier: Classifier, texts: Sequence[str]) -> Figure:
    series: dict[str, list[float]] = {f"batches of {size}": [] for size in BATCHES}
    some = list(texts[:256])
    for _ in range(ROUNDS):
        for size in BATCHES:
            took = milliseconds(_bare_batches, classifier, some, size)
            series[f"batches of {size}"].append(took / len(some))
    return Figure("a text within a batch", "ms", series)


def _known(classifier: Classifier, texts: Sequence[str]) -> Figure:
    """A text that this process answered before: key, look-up, calibrated row."""
    cache = ResultCache(size=1000, shared=NoSharedCache(), seconds=60, secret=b"benchmark")
    limits = BatcherLimits(classifier.token_budget, 1000, classifier.lanes)
    batcher = Batcher(classifier.predict_encoded, limits)
    route = route_make(
        Loaded(classifier, batcher), Serving(classifier.digest, Path()), pinned=False
    )
    some, runs = texts[:100], []
    texts_answer(route, cache, 60.0, some)
    for _ in range(50):
        took = milliseconds(lambda: [texts_answer(route, cache, 60.0, [text]) for text in some])
        runs.append(took / len(some) * 1000)
    batcher.close()
    return Figure("a known text within the engine", "us", {"engine": runs}, target="under 20")


def _bare_batches(classifier: Classifier, texts: Sequence[str], size: int) -> None:
    for start in range(0, len(texts), size):
        bare_batch(classifier, texts[start : start + size])


def analyze_suite(classifier: Classifier, path: Path) -> Suite:
    """Texts a second of ``analyze`` (read, score, keep, write) against the bare model."""
    source = source_of(path, format=None, column="1", header=False)
    texts = [row.text for row in rows_read(source) if hasattr(row, "text")]
    ours, bare = [], []
    for _ in range(3):
        bare.append(1000 * len(texts) / milliseconds(classifier.predict, texts))
        ours.append(1000 * len(texts) / milliseconds(_analyze, classifier, path))
    figure = Figure(
        "the whole file", "texts/s", {"analyze": ours, "bare": bare}, ("analyze", "bare")
    )
    note = "All cores; the bare side scores the same texts and keeps nothing."
    return Suite("analyze", note, [figure])


def _analyze(classifier: Classifier, path: Path) -> None:
    source = source_of(path, format=None, column="1", header=False)
    summary = Summary(classifier.manifest.product_labels)
    with tempfile.TemporaryDirectory() as folder:
        partial_path = Path(folder) / "out.jsonl.partial"
        with Partial(partial_path, {}, resume=False) as partial:
            for chunk in rows_keep(rows_read(source), classifier, partial, on_bad=lambda _: None):
                for result in chunk:
                    summary.add(result)
            output_write(
                Path(folder) / "out.jsonl", partial.results(), classifier.manifest.product_labels
            )
