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
from emotions.benchmarks.figures import Figure, Suite
from mlops.inference.classifier import Classifier


def unique(texts: Sequence[str]) -> Iterator[str]:
    """Texts for ever, each with a number that makes it new to every cache."""
    generator = random.Random(time.time_ns())  # noqa: S311 - no secret
    return (f"{generator.choice(texts)} {generator.randrange(10**6)}" for _ in itertools.count())


def twin(text: str) -> str:
    """*text* as new to every cache, and of the same length: another last digit."""
    return f"{text[:-1]}{(int(text[-1]) + 1) % 10}"


def bare_call(classifier: Classifier, text: str) -> None:
    """One text."""
    classifier.predict_encoded(classifier.encode([text]))


def bare_batch(classifier: Classifier, texts: Sequence[str]) -> None:
    """Several texts on one core, sorted and in batches of the same token budget."""
    encoded = classifier.encode(texts)
    for batch in classifier.batches(encoded):
        classifier.predict_encoded([encoded[index] for index in batch])


def milliseconds(function: Callable[..., object], *arguments: object) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    function(*arguments)
    return (time.perf_counter() - started) * 1000


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
