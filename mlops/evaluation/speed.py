"""How fast a loaded classifier answers: latency of single texts, throughput of many."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from mlops.evaluation.behaviour.suite import behaviour_texts
from mlops.inference.classifier import Classifier

# Enough for a steady median, and a few seconds at most.
SINGLE_TEXTS = 200
MANY_TEXTS = 2000


def speed_measure(classifier: Classifier, texts: Sequence[str]) -> dict[str, float]:
    """Milliseconds for one text (median and 95th percentile), texts a second for many."""
    singles = list(texts[:SINGLE_TEXTS])
    elapsed = [_seconds(classifier, [text]) for text in singles]
    many = list(texts[:MANY_TEXTS])
    return {
        "latency_median_ms": round(1000 * float(np.median(elapsed)), 3),
        "latency_p95_ms": round(1000 * float(np.quantile(elapsed, 0.95)), 3),
        "texts_per_second": round(len(many) / _seconds(classifier, many), 1),
    }


def speed_compare(classifier: Classifier, other: Classifier) -> dict[str, float | str]:
    """Latency of both on the same texts, in turn, so that a busy machine is busy for both."""
    texts = behaviour_texts()[:SINGLE_TEXTS]
    for each in (classifier, other):
        each.predict(texts[:10])
    pairs = [(_seconds(classifier, [text]), _seconds(other, [text])) for text in texts]
    own, others = np.array(pairs).T
    return {
        "digest": other.digest,
        "median_ratio": round(float(np.median(own) / np.median(others)), 3),
        "p95_ratio": round(float(np.quantile(own, 0.95) / np.quantile(others, 0.95)), 3),
    }


def _seconds(classifier: Classifier, texts: list[str]) -> float:
    start = time.perf_counter()
    classifier.predict(texts)
    return time.perf_counter() - start
