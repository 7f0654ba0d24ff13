"""From logits to probabilities, and from raw probabilities to calibrated ones."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from math import tanh
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mlops.inference.manifest import Activation, Manifest

FloatArray = NDArray[np.float32]
Real = TypeVar("Real", np.float32, np.float64)
# Keeps logit() finite; far below any probability that the models tell apart.
_EPSILON = np.float32(1e-7)
_NEARLY_ONE = 1 - _EPSILON
# Made once: on a single row a number of numpy's costs as much as what is done with it.
_HALF, _ONE = np.float32(0.5), np.float32(1.0)
# As bytes they go between processes and hosts. The type itself: to read its name takes numpy
# longer than to apply it.
_PACKED = np.dtype("<f4")


def activate(logits: FloatArray, activation: Activation) -> FloatArray:
    """Raw probabilities of the same shape ``(texts, labels)``."""
    if activation == "sigmoid":
        return sigmoid(logits)
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: FloatArray = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def sigmoid(values: FloatArray) -> FloatArray:
    """The logistic function, without overflow for large negative values."""
    result: FloatArray = _HALF * (np.tanh(_HALF * values) + _ONE)
    return result


def logit(probabilities: NDArray[Real]) -> NDArray[Real]:
    """Log odds; probabilities of 0 and 1 give finite ones."""
    # The two ufuncs themselves: np.clip takes as long again to find them.
    clipped = np.minimum(np.maximum(probabilities, _EPSILON), _NEARLY_ONE)
    result: NDArray[Real] = np.log(clipped / (1 - clipped))
    return result


def rows_pack(probabilities: FloatArray) -> list[bytes]:
    """Four bytes for each label, of each row of ``(texts, labels)``."""
    data = probabilities.astype(_PACKED, copy=False).tobytes()
    width = _PACKED.itemsize * probabilities.shape[1]
    return [data[start : start + width] for start in range(0, len(data), width)]


def rows_unpack(rows: Sequence[bytes]) -> FloatArray:
    """The inverse of ``rows_pack``, for one row or more."""
    return np.frombuffer(b"".join(rows), dtype=_PACKED).reshape(len(rows), -1)


def row_floats(row: bytes) -> tuple[float, ...]:
    """A packed row as numbers, without an array."""
    return _row_struct(len(row) // _PACKED.itemsize).unpack(row)


@lru_cache(maxsize=64)
def _row_struct(labels: int) -> struct.Struct:
    return struct.Struct(f"<{labels}f")


class Calibrator:
    """A manifest's calibration as arrays; the identity where it has none."""

    def __init__(self, manifest: Manifest) -> None:
        self.activation = manifest.activation
        self.thresholds = np.asarray(manifest.thresholds, dtype=np.float32)
        self._maps = None
        if manifest.calibration:
            self._maps = (
                np.asarray(manifest.calibration.scale, dtype=np.float32),
                np.asarray(manifest.calibration.shift, dtype=np.float32),
            )
        # For single rows: half of each, as the logistic function is that of a half.
        scale, shift = self._maps or (np.ones(len(manifest.labels)), np.zeros(len(manifest.labels)))
        self._halves = list(zip((scale / 2).tolist(), (shift / 2).tolist(), strict=True))

    def from_logits(self, logits: FloatArray) -> FloatArray:
        """As ``apply`` of what *logits* are activated to; in one step where that can be."""
        if self._maps is None or self.activation != "sigmoid":
            return self.apply(activate(logits, self.activation))
        scale, shift = self._maps
        return sigmoid(scale * logits + shift)

    def row(self, logits: Sequence[float]) -> bytes:
        """As ``from_logits`` for a single text, packed; to the last digits of float32 the same.

        In plain Python: right after a pass, with cold caches, numpy takes a third longer.
        """
        if self.activation != "sigmoid":
            return rows_pack(self.from_logits(np.array([logits], dtype=np.float32)))[0]
        pairs = zip(logits, self._halves, strict=True)
        scores = [0.5 + 0.5 * tanh(scale * value + shift) for value, (scale, shift) in pairs]
        return _row_struct(len(scores)).pack(*scores)

    def apply(self, probabilities: FloatArray) -> FloatArray:
        """Calibrated probabilities; softmax rows sum to one again afterwards."""
        if self._maps is None:
            return probabilities
        scale, shift = self._maps
        result = sigmoid(scale * logit(probabilities) + shift)
        if self.activation == "softmax":
            result = result / result.sum(axis=-1, keepdims=True)
        return result
