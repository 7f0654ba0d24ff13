"""What everything else is measured against: tokenise, ONNX Runtime, sigmoid."""

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
from emotions.benchmarks.peers.scorer import Scorer
from mlops.inference.artifact import ONNX_NAME
from mlops.inference.classifier import Classifier, budget_batches


def unique(texts: Sequence[str]) -> Iterator[str]:
    """Texts for ever, each with a number that makes it new to every cache."""
    generator = random.Random(time.time_ns())  # noqa: S311 - no secret
    return (f"{generator.choice(texts)} {generator.randrange(10**6)}" for _ in itertools.count())


def twin(text: str) -> str:
    """*text* as new to every cache, and of the same length: another last digit."""
    return f"{text[:-1]}{(int(text[-1]) + 1) % 10}"


class Bare:
    """A version's files in the hands of the libraries alone, nothing of ours around them.

    Raises:
        RuntimeError: for a version that is no ONNX graph.
    """

    def __init__(self, folder: Path, token_budget: int) -> None:
        if not (folder / ONNX_NAME).is_file():
            raise RuntimeError(f"{folder} holds no {ONNX_NAME}; promote a version with one")
        self._scorer, self._budget = Scorer(folder), token_budget

    def call(self, text: str) -> None:
        """One text."""
        self._scorer.probabilities(self._scorer.encode([text]))

    def batch(self, texts: Sequence[str]) -> None:
        """Several texts on one core, sorted and in passes of as many positions as ours."""
        encoded = self._scorer.encode(texts)
        for batch in budget_batches([len(each.ids) for each in encoded], self._budget):
            self._scorer.probabilities([encoded[index] for index in batch])


def direct_call(classifier: Classifier, text: str) -> None:
    """One text by our own model, without its queue."""
    classifier.predict_encoded(classifier.encode([text]))


def direct_batch(classifier: Classifier, texts: Sequence[str]) -> None:
    """Several texts on one core, sorted and in passes of its token budget."""
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
