"""Our overhead as ratios against the bare model, both measured in turn in one run."""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emotions.analysis.partial import Partial
from emotions.analysis.readers import rows_read, source_of
from emotions.analysis.run import rows_keep
from emotions.analysis.summary import Summary
from emotions.analysis.writers import output_write
from mlops.inference.classifier import TOKEN_BUDGET, Classifier, budget_batches

WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians and spreads of two series in the same unit, and the ratio ours / bare."""

    unit: str
    ours: list[float]
    bare: list[float]

    def as_dict(self) -> dict[str, Any]:
        """The figures for a report."""
        return {
            "unit": self.unit,
            "ours": _spread(self.ours),
            "bare": _spread(self.bare),
            "ratio_of_medians": round(
                statistics.median(self.ours) / statistics.median(self.bare), 3
            ),
        }


def http_latency(classifier: Classifier, texts: Sequence[str], *, url: str, key: str) -> Comparison:
    """Milliseconds a single uncached text takes: HTTP request against the bare call, in turn.

    The bare call is tokenise + run + sigmoid with the server's own session options.
    """
    ask = _requester(url, key)
    ours, bare = [], []
    for number, text in enumerate(texts):
        # A number makes each text new to the cache; both sides see the same one.
        unique = f"{text} {time.time_ns() % 100_000}"
        pair = (_milliseconds(ask, unique), _milliseconds(_bare_call(classifier), unique))
        if number >= WARM_UP:
            ours.append(pair[0])
            bare.append(pair[1])
    return Comparison("ms", ours, bare)


def analyze_throughput(classifier: Classifier, path: Path, *, rounds: int) -> Comparison:
    """Texts a second of ``analyze`` (read, score, keep, write) against the bare model."""
    source = source_of(path, format=None, column="1", header=False)
    texts = [row.text for row in rows_read(source) if hasattr(row, "text")]
    ours, bare = [], []
    for _ in range(rounds):
        bare.append(len(texts) / _seconds(lambda: _bare_batches(classifier, texts)))
        ours.append(len(texts) / _seconds(lambda: _analyze(classifier, path)))
    return Comparison("texts/s", ours, bare)


def _analyze(classifier: Classifier, path: Path) -> None:
    source = source_of(path, format=None, column="1", header=False)
    summary = Summary(classifier.manifest.labels)
    with tempfile.TemporaryDirectory() as folder:
        partial_path = Path(folder) / "out.jsonl.partial"
        with Partial(partial_path, {}, resume=False) as partial:
            for chunk in rows_keep(rows_read(source), classifier, partial, on_bad=lambda _: None):
                for result in chunk:
                    summary.add(result)
            output_write(Path(folder) / "out.jsonl", partial.results(), classifier.manifest.labels)


def _bare_batches(classifier: Classifier, texts: Sequence[str]) -> None:
    encoded = classifier.encode(texts)
    for batch in budget_batches([text.cost for text in encoded], TOKEN_BUDGET):
        classifier.predict_encoded([encoded[index] for index in batch])


def _bare_call(classifier: Classifier) -> Callable[[str], object]:
    return lambda text: classifier.predict_encoded(classifier.encode([text]))


def _requester(url: str, key: str) -> Callable[[str], object]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80)
    headers = {"Authorization": f"Api-Key {key}", "Content-Type": "application/json"}

    def ask(text: str) -> None:
        body = json.dumps({"text": text})
        connection.request("POST", "/api/v1/emotions/analyze", body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"the server answered {response.status}: {answer.decode()}")

    return ask


def _milliseconds(function: Callable[[str], object], text: str) -> float:
    started = time.perf_counter()
    function(text)
    return (time.perf_counter() - started) * 1000


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 3),
        "p10": round(ordered[len(ordered) // 10], 3),
        "p90": round(ordered[len(ordered) * 9 // 10], 3),
        "runs": len(ordered),
    }
