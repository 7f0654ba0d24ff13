"""Weights of which no two neighbours are too large together: int8 sums are exact everywhere.

Processors without VNNI multiply unsigned by signed bytes two at a time and add both products in 16
bits. An input of 255 leaves neighbouring weights 128 between them, in either direction; more is
cut off. ONNX Runtime's way around it computes in twice the width and takes a fifth longer, seven
bits for each weight cost accuracy. Here a column's step grows until its largest pair fits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What a weight may come to, and two of them before each is rounded by up to half a step.
_LARGEST = 127
FloatArray = NDArray[np.float32]


def pairs_fit(path: Path, plain: Path) -> bool:
    """Give the int8 graph at *path* steps with which all pairs of weights fit, in place.

    *plain* is the fp32 graph that it was made of: to round what is rounded already would lose more.

    Returns:
        Whether every product with int8 weights is exact now; not so if some have a form that
        this does not know.
    """
    import onnx

    model = onnx.load(path)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    originals = {tensor.name: tensor for tensor in onnx.load(plain).graph.initializer}
    products = [node for node in model.graph.node if node.op_type == "MatMulInteger"]
    fitted = {node.input[1]: _fit(node.input[1], tensors, originals) for node in products}
    onnx.save(model, path)
    return all(fitted.values())


def pair_steps(weights: FloatArray) -> FloatArray:
    """The step for each column of ``(inputs, outputs)``, ``(outputs,)``; never zero."""
    # As such processors' kernels take them: first and second, third and fourth.
    pairs = weights[0:-1:2] + weights[1::2]
    peaks = np.abs(np.concatenate([weights, pairs])).max(axis=0)
    return np.where(peaks, peaks / _LARGEST, 1).astype(np.float32)


def _fit(name: str, tensors: dict[str, Any], originals: dict[str, Any]) -> bool:
    """Whether the weights of that *name* could be rounded anew."""
    from onnx import numpy_helper

    base = name.removesuffix("_quantized")
    scale, zero = tensors.get(f"{base}_scale"), tensors.get(f"{base}_zero_point")
    if name not in tensors or base not in originals or scale is None or zero is None:
        return False
    rounded, steps = numpy_helper.to_array(tensors[name]), numpy_helper.to_array(scale)
    known = rounded.dtype == np.int8 and rounded.ndim == 2 and steps.shape == rounded.shape[1:]
    if not known or numpy_helper.to_array(zero).any():
        return False
    weights = _as_rounded(numpy_helper.to_array(originals[base]), rounded * steps)
    if weights is None:
        return False
    larger = pair_steps(weights)
    anew = np.rint(weights / larger).astype(np.int8)
    tensors[name].CopyFrom(numpy_helper.from_array(anew, name))
    scale.CopyFrom(numpy_helper.from_array(larger, scale.name))
    return True


def _as_rounded(original: FloatArray, rounded: FloatArray) -> FloatArray | None:
    """*original*, or turned over as the quantiser does a ``Gemm``'s; None if it is neither."""
    close = 0.02 * np.abs(rounded).max()
    for weights in (original, original.T):
        if weights.shape == rounded.shape and np.allclose(weights, rounded, rtol=0, atol=close):
            return weights
    return None
