"""Work that a graph does in every pass and that always comes to the same, done once.

Exporters write what is a number, such as the width of a head, as a chain of nodes that ask for it
in every layer. Such chains are found by running the graph in several shapes. And every text is
one sequence here, so the row of its token type is known.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from mlops.export.feeds import graphs_alike, windows_feed

logger = logging.getLogger(__name__)
_TYPES = "token_type_ids"
# Elements; what is larger is not a shape or a factor.
_LARGEST = 16


def graph_simplify(graph_path: Path, windows: Sequence[Sequence[int]], longest: int) -> bool:
    """Rewrite the fp32 graph at *graph_path*, in place.

    *windows* are token ids of real texts, *longest* is the length of a full window.

    Returns:
        False for a graph that would answer otherwise or not at all; it stays as it was.
    """
    import onnx

    rewritten = graph_path.with_suffix(".simple.onnx")
    model = onnx.load(graph_path)
    try:
        _types_drop(model.graph)
        onnx.save(model, rewritten)
        _freeze(model, rewritten, longest)
        _prune(model.graph)
        onnx.save(model, rewritten)
        if not graphs_alike(graph_path, rewritten, windows):
            return False
        rewritten.replace(graph_path)
    except Exception:  # the runtime raises a family of its own without a public base
        logger.warning("the graph stays as its exporter wrote it", exc_info=True)
        return False
    finally:
        rewritten.unlink(missing_ok=True)
    return True


def _types_drop(graph: Any) -> None:
    """One row to add in place of a look-up for each token, and an input less."""
    from onnx import numpy_helper

    tables = {each.name: each for each in graph.initializer}
    readers = [node for node in graph.node if _TYPES in node.input]
    if not readers or any(node.op_type != "Gather" for node in readers):
        return
    if any(node.input[0] not in tables or node.input[1] != _TYPES for node in readers):
        return
    for node in readers:
        row = numpy_helper.to_array(tables[node.input[0]])[0]
        graph.initializer.append(numpy_helper.from_array(row, node.output[0]))
        graph.node.remove(node)
    kept = [each for each in graph.input if each.name != _TYPES]
    del graph.input[:]
    graph.input.extend(kept)


def _freeze(model: Any, scratch: Path, longest: int) -> None:
    """Constants in place of what comes from the inputs' shapes and is the same for all of them."""
    from onnx import numpy_helper

    names = _of_shapes(model.graph)
    # No two alike, so what they agree on depends on neither rows nor width.
    runs = [
        _watched(model, scratch, names, rows, width)
        for rows, width in ((1, 5), (2, 7), (3, longest))
    ]
    frozen = {
        name: values[0]
        for name, *values in zip(names, *runs, strict=True)
        if values[0].size <= _LARGEST and all(np.array_equal(values[0], each) for each in values)
    }
    kept = [node for node in model.graph.node if not frozen.keys() & set(node.output)]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in frozen.items()
    )


def _of_shapes(graph: Any) -> list[str]:
    """Tensors that depend on the inputs' shapes, and not on what is in them."""
    known = {each.name for each in graph.initializer}
    found: list[str] = []
    for node in graph.node:
        inputs = {name for name in node.input if name}
        if node.op_type == "Constant":
            known.update(node.output)
        elif node.op_type == "Shape" or (inputs and inputs <= known):
            known.update(node.output)
            found += node.output
    return found


def _watched(
    model: Any, scratch: Path, names: Sequence[str], rows: int, width: int
) -> list[NDArray[Any]]:
    """What *names* are when the inputs have that shape."""
    import onnx

    watching = onnx.ModelProto()
    watching.CopyFrom(model)
    watching.graph.output.extend(map(onnx.helper.make_empty_tensor_value_info, names))
    onnx.save(watching, scratch)
    session = ort.InferenceSession(scratch, providers=["CPUExecutionProvider"])
    found: list[NDArray[Any]] = session.run(
        list(names), windows_feed(session, [[1] * width] * rows)
    )
    return found


def _prune(graph: Any) -> None:
    """Drop what nobody needs any more."""
    wanted = {each.name for each in graph.output}
    kept = []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= _reads(node)
            kept.append(node)
    weights = [each for each in graph.initializer if each.name in wanted]
    for values, left in ((graph.node, kept[::-1]), (graph.initializer, weights)):
        del values[:]
        values.extend(left)


def _reads(node: Any) -> set[str]:
    """What *node* needs, the branches of a condition included."""
    branches = (inner for each in node.attribute for inner in each.g.node)
    return set(node.input).union(*map(_reads, branches))
