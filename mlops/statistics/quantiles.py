"""Quantiles of latencies, and bootstrap intervals of their ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DRAWS = 2000
# Fewer say nothing of a tail: of 40 values only two lie beyond the 95th percentile.
MIN_VALUES = 40


@dataclass(frozen=True, slots=True)
class Ratio:
    """A quantile of the challenger over the champion's, with its interval."""

    value: float
    low: float
    high: float


def quantile(values: Sequence[float] | FloatArray, q: float) -> float | None:
    """The *q* quantile, None of nothing."""
    return float(np.quantile(values, q)) if len(values) else None


def quantile_ratio(
    champion: Sequence[float] | FloatArray,
    challenger: Sequence[float] | FloatArray,
    q: float,
    *,
    alpha: float = 0.05,
    seed: int = 0,
) -> Ratio | None:
    """Challenger's *q* quantile over the champion's; None of too few values or of zeros.

    A percentile bootstrap (Efron and Tibshirani 1993, chapter 13). It holds for one look.
    """
    if min(len(champion), len(challenger)) < MIN_VALUES:
        return None
    random = np.random.default_rng(seed)
    below = np.sort(np.asarray(champion, dtype=np.float64))
    above = np.sort(np.asarray(challenger, dtype=np.float64))
    base = float(np.quantile(below, q))
    if base <= 0:
        return None
    ratios = _draws(above, q, random) / np.maximum(_draws(below, q, random), 1e-9)
    low, high = np.quantile(ratios, [alpha / 2, 1 - alpha / 2])
    return Ratio(float(np.quantile(above, q)) / base, float(low), float(high))


def _draws(ordered: FloatArray, q: float, random: np.random.Generator) -> FloatArray:
    """The quantile of ``DRAWS`` resamples, without making them.

    The k-th smallest of n draws with replacement is the value at the k-th smallest of n uniform
    numbers, which is Beta(k, n - k + 1) (Schultzberg and Ankargren 2022, "Resampling-free
    bootstrap inference for quantiles").
    """
    count = len(ordered)
    rank = min(count, max(1, round(q * count + 0.5)))
    positions = random.beta(rank, count - rank + 1, size=DRAWS) * count
    return ordered[np.minimum(positions.astype(np.int64), count - 1)]
