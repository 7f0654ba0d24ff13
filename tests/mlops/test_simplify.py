"""What a graph computes in every pass for nothing is left out: the same answers, fewer nodes"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlops.export.feeds import CLOSE
from mlops.export.simplify import graph_simplify
from tests.mlops.test_padding import WINDOWS, answers, graph_write

LONGEST = 24


def kinds(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("shape", ["bert", "roberta", "distilbert", "modernbert", "deberta-v2"])
def test_it_works(tmp_path, shape):
    path = graph_write(tmp_path, shape)
    [expected], before = answers(path, WINDOWS), kinds(path)
    assert graph_simplify(path, WINDOWS, LONGEST)
    assert kinds(path).total() < before.total()
    for windows, rows in ((WINDOWS, expected), (WINDOWS[:1], expected[:1])):
        assert np.abs(answers(path, windows)[0] - rows).max() < CLOSE
    assert [each.name for each in tmp_path.glob("*.onnx")] == ["plain.onnx"]


def test_heads_know_their_width_and_texts_their_type(tmp_path):
    path = graph_write(tmp_path, "bert")
    assert kinds(path)["Sqrt"] > 0
    assert graph_simplify(path, WINDOWS, LONGEST)
    assert kinds(path)["Sqrt"] == 0
    names = [each.name for each in onnx.load(path).graph.input]
    assert names == ["input_ids", "attention_mask"]


def test_a_graph_that_would_not_run_stays_as_it_was(tmp_path, caplog):
    """An input that nobody feeds"""
    value_info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["unheard_of", "one"], ["logits"])],
        "odd",
        [value_info("unheard_of", TensorProto.FLOAT, ["batch", 3])],
        [value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(np.ones(3, dtype=np.float32), "one")],
    )
    path = tmp_path / "plain.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    before = path.read_bytes()
    assert not graph_simplify(path, WINDOWS, LONGEST)
    assert path.read_bytes() == before
    assert "the graph stays as its exporter wrote it" in caplog.text
