"""Padding left out of the products: a batch costs what its tokens cost, not its longest text.

A product of an activation with constant weights, and what follows it row by row (biases,
activation functions, normalisation), needs no neighbours. In front of such stretches the rows of
padding are dropped, behind them, where attention wants its square, they are put back. Inputs and
outputs stay as they were, so whoever runs the graph has the gain.

Real texts of different lengths are half padding in a batch; and the scale that int8 takes from
its input no longer depends on what padding came to.

The idea of packing rows is that of ByteTransformer (Zhai et al. 2022, arXiv 2210.03052).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlops.export.feeds import MASK, graphs_alike

# Names of what is added: which rows are tokens, and where each position finds its row.
_TOKENS, _PLACES = "unpadded/tokens", "unpadded/places"
# What computes each row from itself, if its other inputs are constants of at most one dimension.
_BY_ROW = {
    *("Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Cast"),
    *("Erf", "Gelu", "Tanh", "Relu", "Sigmoid", "LayerNormalization"),
}


def padding_skip(graph_path: Path, windows: Sequence[Sequence[int]]) -> bool:
    """Rewrite the fp32 graph at *graph_path*, in place; *windows* are token ids of real texts.

    Returns:
        False for a graph that would answer otherwise or not at all; it stays as it was.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(graph_path))
    if MASK not in {each.name for each in model.graph.input}:
        return False
    rewritten = graph_path.with_suffix(".unpadded.onnx")
    _Rewriting(model.graph).run()
    onnx.save(model, rewritten)
    try:
        if not graphs_alike(graph_path, rewritten, windows):
            return False
        rewritten.replace(graph_path)
    finally:
        rewritten.unlink(missing_ok=True)
    return True


class _Rewriting:
    """One pass over the nodes, in their order, which keeps both forms of each tensor at hand."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._nodes: list[Any] = []
        self._weights = {each.name: list(each.dims) for each in graph.initializer}
        self._small = {name for name, dims in self._weights.items() if len(dims) < 2}
        self._small |= {
            node.output[0]
            for node in graph.node
            if node.op_type == "Constant" and len(node.attribute[0].t.dims) < 2
        }
        self._squares = {
            each.name for each in graph.value_info if len(each.type.tensor_type.shape.dim) == 3
        }
        # By name: the tensor without padding, the same with it, and its width.
        self._packed: dict[str, str] = {}
        self._padded: dict[str, str] = {}
        self._width: dict[str, int] = {}

    def run(self) -> None:
        """Rewrite the graph."""
        old = list(self._graph.node)
        self._places()
        for node in old:
            if self._is_product(node):
                self._pack(node.input[0], self._weights[node.input[1]][0])
                self._keep(node, self._weights[node.input[1]][1])
            elif self._is_by_row(node):
                self._keep(node, max(self._width.get(name, 0) for name in node.input))
            else:
                self._leave(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        # Those of packed tensors are wrong now, and nobody needs the others.
        del self._graph.value_info[:]

    def _is_product(self, node: Any) -> bool:
        """With constant weights, of a tensor (texts, positions, width)."""
        return (
            node.op_type == "MatMul"
            and len(self._weights.get(node.input[1], ())) == 2
            and (node.input[0] in self._packed or node.input[0] in self._squares)
        )

    def _is_by_row(self, node: Any) -> bool:
        names = [name for name in node.input if name]
        return (
            node.op_type in _BY_ROW
            and any(name in self._packed for name in names)
            and all(name in self._packed or name in self._small for name in names)
        )

    def _keep(self, node: Any, width: int) -> None:
        """Compute *node* without padding."""
        for index, name in enumerate(node.input):
            node.input[index] = self._packed.get(name, name)
        self._nodes.append(node)
        self._packed[node.output[0]] = node.output[0]
        self._width[node.output[0]] = width

    def _leave(self, node: Any) -> None:
        """Compute *node* with padding, as it was."""
        for index, name in enumerate(node.input):
            if name in self._packed:
                alike = self._alike(name) if node.op_type == "Shape" else None
                node.input[index] = alike or self._unpack(name)
        self._nodes.append(node)

    def _alike(self, name: str) -> str | None:
        """A tensor of the shape that *name* would have with padding, if there is one already."""
        width = self._width[name]
        known = (other for each, other in self._padded.items() if self._width[each] == width)
        return next(known, None)

    def _pack(self, name: str, width: int) -> None:
        if name in self._packed:
            return
        rows, shape = f"{name}/rows", self._constant(f"unpadded/{width}", [-1, width])
        self._add("Reshape", [name, shape], rows)
        self._add("Gather", [rows, _TOKENS], f"{name}/packed", axis=0)
        self._packed[name], self._padded[name] = f"{name}/packed", name
        self._width[name] = width

    def _unpack(self, name: str) -> str:
        if name not in self._padded:
            self._add("Gather", [self._packed[name], _PLACES], f"{name}/padded", axis=0)
            self._padded[name] = f"{name}/padded"
        return self._padded[name]

    def _places(self) -> None:
        """Padding takes the row of the token before it: finite, and hidden by the mask."""
        flat, zero = self._constant("unpadded/flat", [-1]), self._constant("unpadded/zero", 0)
        one = self._constant("unpadded/one", 1)
        self._add("Reshape", [MASK, flat], "unpadded/mask")
        self._add("NonZero", ["unpadded/mask"], "unpadded/nonzero")
        self._add("Reshape", ["unpadded/nonzero", flat], _TOKENS)
        self._add("CumSum", ["unpadded/mask", zero], "unpadded/count")
        self._add("Sub", ["unpadded/count", one], "unpadded/last")
        self._add("Max", ["unpadded/last", zero], "unpadded/row")
        self._add("Shape", [MASK], "unpadded/shape")
        self._add("Reshape", ["unpadded/row", "unpadded/shape"], _PLACES)

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: int) -> None:
        from onnx import helper

        node = helper.make_node(kind, inputs, [output], name=output)
        node.attribute.extend(helper.make_attribute(*each) for each in attributes.items())
        self._nodes.append(node)

    def _constant(self, name: str, value: int | list[int]) -> str:
        from onnx import numpy_helper

        if name not in self._weights:
            self._weights[name] = []
            array = np.array(value, dtype=np.int64)
            self._graph.initializer.append(numpy_helper.from_array(array, name))
        return name
