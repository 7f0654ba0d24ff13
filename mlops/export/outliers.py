"""Channels far larger than their neighbours, made small in front of the products they enter.

int8 has one scale for all of a product's input. In trained encoders one or two of some hundred
channels are ten times the rest: they take the whole scale, and the others are left with a few of
its 256 steps. Such a channel is divided in front of the product and its weights are multiplied,
which changes nothing but the rounding.

Smoothing of activations: Xiao et al. 2023 (SmoothQuant, arXiv 2211.10438); here only the outliers
are moved, since weights have a scale for each output and hardly notice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mlops.export.feeds import windows_feed

# Channels above this quantile of a product's channels are brought down to it.
CAP = 0.98
FloatArray = NDArray[np.float32]


def outliers_tame(graph_path: Path, windows: Sequence[Sequence[int]]) -> None:
    """Rewrite the fp32 graph at *graph_path*, in place; *windows* are token ids of real texts."""
    import onnx

    model = onnx.load(graph_path)
    products = _products(model.graph)
    if not products:
        return
    peaks = _peaks(model, graph_path, list(products), windows)
    for name, nodes in products.items():
        factors = _factors(peaks[name])
        if (factors > 1).any():
            _divide(model.graph, name, nodes, factors)
    onnx.save(model, graph_path)


def _products(graph: Any) -> dict[str, list[Any]]:
    """By input: the products of an activation with constant weights, which int8 will compute.

    Weights that several products share (as all layers of ALBERT do) stay as they are.
    """
    weights = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    uses = Counter(name for node in graph.node for name in node.input)
    found: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            found.setdefault(node.input[0], []).append(node)
    return {
        name: nodes
        for name, nodes in found.items()
        if all(uses[node.input[1]] == 1 for node in nodes)
    }


def _peaks(
    plain: Any, graph_path: Path, names: Sequence[str], windows: Sequence[Sequence[int]]
) -> dict[str, FloatArray]:
    """The largest size that each channel of *names* takes on, ``(channels,)`` each."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(plain)
    known = {output.name for output in model.graph.output}
    for name in set(names) - known:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    watched = graph_path.with_suffix(".watched.onnx")
    onnx.save(model, watched)
    try:
        session = ort.InferenceSession(watched, providers=["CPUExecutionProvider"])
        peaks: dict[str, FloatArray] = {}
        for window in windows:
            found = session.run(list(names), windows_feed(session, [window]))
            for name, values in zip(names, found, strict=True):
                highest = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
                peaks[name] = np.maximum(peaks.get(name, highest), highest)
        return peaks
    finally:
        watched.unlink()


def _factors(peaks: FloatArray) -> FloatArray:
    """By how much each channel is too large; 1 for nearly all."""
    cap = np.quantile(peaks, CAP)
    return np.maximum(1.0, peaks / cap if cap else 1.0).astype(np.float32)


def _divide(graph: Any, name: str, nodes: Sequence[Any], factors: FloatArray) -> None:
    """Put a division behind *name* and multiply the rows of the weights that it enters."""
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in graph.initializer}
    tamed, reciprocal = f"{name}/tamed", f"{name}/tamed/factors"
    graph.initializer.append(numpy_helper.from_array(1 / factors, reciprocal))
    outputs = {node.output[0] for node in nodes}
    first = next(i for i, node in enumerate(graph.node) if node.output[0] in outputs)
    graph.node.insert(first, helper.make_node("Mul", [name, reciprocal], [tamed], tamed))
    for node in nodes:
        tensor = weights[node.input[1]]
        rows = numpy_helper.to_array(tensor) * factors[:, None]
        tensor.CopyFrom(numpy_helper.from_array(rows, tensor.name))
        node.input[0] = tamed
