"""How far two distributions lie apart. No Django; counts in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# A bin that one side never saw would make the index infinite: half a document is put in each.
_HALF = 0.5
# Bins of the top score and of the text length (powers of two characters, up to 32,768).
CONFIDENCE_BINS = 20
LENGTH_BINS = 16


def stability_index(reference: Sequence[float], current: Sequence[float]) -> float:
    """The population stability index: the sum of (p - q) ln(p / q) over the bins."""
    p, q = _shares(reference), _shares(current)
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: Sequence[float], current: Sequence[float]) -> float:
    """The Jensen-Shannon distance in bits: 0 for equal shares, 1 for nothing in common."""
    p, q = (_plain(side) for side in (reference, current))
    middle = (p + q) / 2
    divergence = (_bits(p, middle) + _bits(q, middle)) / 2
    return float(np.sqrt(max(0.0, divergence)))


def _shares(counts: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(counts, dtype=np.float64) + _HALF
    result: NDArray[np.float64] = values / values.sum()
    return result


def _plain(counts: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(counts, dtype=np.float64)
    result: NDArray[np.float64] = values / max(values.sum(), 1.0)
    return result


def _bits(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    seen = p > 0
    return float(np.sum(p[seen] * np.log2(p[seen] / q[seen])))
