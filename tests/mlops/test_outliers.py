"""Outlier channels before int8: the same answers in fp32, closer ones in int8"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

from mlops.export.outliers import outliers_tame

WORDS, WIDTH, HEIGHT = 50, 128, 64
WINDOWS = [[1, 2, 3, 4], [5, 6, 7], list(range(WORDS))]


def graph_write(path: Path, products: list[tuple[str, str, str]]) -> Path:
    """Embeddings with one channel 40 times the rest, and *products* (input, weights, output)."""
    rng = np.random.default_rng(7)
    table = rng.normal(size=(WORDS, WIDTH)).astype(np.float32)
    table[:, 3] *= 40
    square = rng.normal(size=(WIDTH, WIDTH)).astype(np.float32) / WIDTH**0.5
    last = rng.normal(size=(WIDTH, HEIGHT)).astype(np.float32) / WIDTH**0.5
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x"])]
    nodes += [
        helper.make_node("MatMul", [source, weights], [result], f"to-{result}")
        for source, weights, result in products
    ]
    graph = helper.make_graph(
        nodes,
        "outliers",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"]),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"]),
        ],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(value, name)
            for name, value in (("table", table), ("square", square), ("last", last))
        ],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path
    )
    return path


def outputs(path: Path) -> np.ndarray:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    ids = np.arange(WORDS, dtype=np.int64)[None]
    return session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]


def quantized(path: Path) -> Path:
    target = path.with_suffix(".int8.onnx")
    quantize_dynamic(path, target, per_channel=True, op_types_to_quantize=["MatMul"])
    return target


@pytest.fixture
def plain(tmp_path) -> Path:
    return graph_write(tmp_path / "plain.onnx", [("x", "last", "logits")])


def test_it_works(plain, tmp_path):
    expected, untamed = outputs(plain), outputs(quantized(plain))
    outliers_tame(plain, WINDOWS)
    assert np.abs(outputs(plain) - expected).max() < 1e-4
    tamed = outputs(quantized(plain))
    assert np.abs(tamed - expected).mean() < 0.5 * np.abs(untamed - expected).mean()
    assert [path.name for path in tmp_path.glob("*.watched.onnx")] == []


def test_products_of_one_input_are_divided_once(tmp_path):
    path = graph_write(tmp_path / "two.onnx", [("x", "square", "hidden"), ("x", "last", "logits")])
    expected = outputs(path)
    outliers_tame(path, WINDOWS)
    assert np.abs(outputs(path) - expected).max() < 1e-4
    assert [node.op_type for node in onnx.load(path).graph.node].count("Mul") == 1


def test_weights_that_products_share_stay_as_they_are(tmp_path):
    path = graph_write(
        tmp_path / "shared.onnx", [("x", "square", "hidden"), ("hidden", "square", "logits")]
    )
    before = path.read_bytes()
    outliers_tame(path, WINDOWS)
    assert path.read_bytes() == before


def test_a_graph_without_outliers_is_left_alone(tmp_path):
    path = graph_write(tmp_path / "tame.onnx", [("x", "last", "logits")])
    model = onnx.load(path)
    even = np.ones((WORDS, WIDTH), dtype=np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(even, "table"))
    onnx.save(model, path)
    outliers_tame(path, WINDOWS)
    assert [node.op_type for node in onnx.load(path).graph.node] == ["Gather", "MatMul"]
