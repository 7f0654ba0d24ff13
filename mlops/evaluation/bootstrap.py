"""Percentile bootstrap over texts: how far a figure would move on another sample of the file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mlops.evaluation.metrics import BoolArray, FloatArray, f1_from_counts

SAMPLES = 1000
LEVEL = 0.95
# Rows of weights at a time: keeps the weight matrix at tens of megabytes.
_CHUNK = 100


def f1_intervals(
    predicted: BoolArray, actual: BoolArray, *, supported: BoolArray, samples: int = SAMPLES
) -> dict[str, tuple[float, float]]:
    """95 % intervals of macro, supported-macro, micro and weighted F1 (Efron 1979).

    Labels that a resample lacks count as they do in the figure itself: as 0 where neither
    predicted nor present.

    Args:
        predicted: decisions ``(texts, labels)``.
        actual: the truth, same shape.
        supported: the labels of the supported mean, ``(labels,)``.
        samples: how many resamples.
    """
    rng = np.random.default_rng(0)
    parts = [
        _figures(predicted, actual, supported, _weights(rng, len(actual), size))
        for size in _chunks(samples)
    ]
    names = parts[0].keys()
    return {name: _interval(np.concatenate([part[name] for part in parts])) for name in names}


def difference_intervals(
    candidate: BoolArray,
    champion: BoolArray,
    actual: BoolArray,
    *,
    level: float = LEVEL,
    samples: int = SAMPLES,
) -> dict[str, tuple[float, float]]:
    """Intervals of the paired differences of macro and micro F1, candidate less champion.

    Args:
        candidate: decisions ``(texts, labels)``.
        champion: the other's decisions on the same rows.
        actual: the truth, same shape.
        level: the share of resamples inside the interval.
        samples: how many resamples.
    """
    rng = np.random.default_rng(0)
    everything = np.ones(actual.shape[1], dtype=bool)
    parts: dict[str, list[FloatArray]] = {"f1_macro": [], "f1_micro": []}
    for size in _chunks(samples):
        weights = _weights(rng, len(actual), size)
        new = _figures(candidate, actual, everything, weights)
        old = _figures(champion, actual, everything, weights)
        for name, values in parts.items():
            values.append(new[name] - old[name])
    return {name: _interval(np.concatenate(values), level) for name, values in parts.items()}


def _figures(
    predicted: BoolArray, actual: BoolArray, supported: BoolArray, weights: FloatArray
) -> Mapping[str, FloatArray]:
    both = weights @ (predicted & actual)
    chosen, present = weights @ predicted, weights @ actual
    per_label = f1_from_counts(both, chosen, present)
    return {
        "f1_macro": per_label.mean(axis=1),
        "f1_macro_supported": per_label[:, supported].mean(axis=1)
        if supported.any()
        else both[:, 0],
        "f1_micro": f1_from_counts(both.sum(axis=1), chosen.sum(axis=1), present.sum(axis=1)),
        "f1_weighted": (per_label * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1),
    }


def _weights(rng: np.random.Generator, rows: int, size: int) -> FloatArray:
    """How often each row is drawn in each of *size* resamples, ``(size, rows)``."""
    return rng.multinomial(rows, np.full(rows, 1 / rows), size=size).astype(np.float32)


def _chunks(samples: int) -> list[int]:
    full, rest = divmod(samples, _CHUNK)
    return [_CHUNK] * full + ([rest] if rest else [])


def _interval(values: FloatArray, level: float = LEVEL) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return round(float(low), 4), round(float(high), 4)
