"""Neighbouring int8 weights: never too large together for a sum in 16 bits"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from mlops.export.pairs import pair_steps, pairs_fit
from mlops.inference.artifact import artifact_verify

# What 16 bits leave two weights that are multiplied by 255 each.
MOST = 32767 // 255
OUTPUTS = 24


def int8_graph(folder: Path, weights: np.ndarray, *, kind: str = "MatMul", **options) -> Path:
    """``plain.onnx``, a product with *weights*, and ``model.onnx``, the same as int8."""
    attributes = {"transB": 1} if kind == "Gemm" else {}
    inputs = weights.shape[1] if kind == "Gemm" else weights.shape[0]
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "weights"], ["y"], "product", **attributes)],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", inputs])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", None])],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), folder / "plain.onnx")
    target = folder / "model.onnx"
    chosen = {"per_channel": True, "weight_type": QuantType.QInt8, **options}
    quantize_dynamic(folder / "plain.onnx", target, **chosen)
    return target


def largest_pair(path: Path) -> int:
    graph = onnx.load(path).graph
    names = {node.input[1] for node in graph.node if node.op_type == "MatMulInteger"}
    found = [numpy_helper.to_array(each) for each in graph.initializer if each.name in names]
    assert found
    pairs = [weights[0:-1:2].astype(int) + weights[1::2].astype(int) for weights in found]
    return max(np.abs(each).max() for each in pairs)


def session(path: Path, **entries: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    for name, value in entries.items():
        options.add_session_config_entry(f"session.{name}", value)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape)


def test_it_works(version_folder_int8):
    assert artifact_verify(version_folder_int8).exact_sums
    assert largest_pair(version_folder_int8 / "model.onnx") <= MOST


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("inputs", [64, 70, 71])
def test_sums_of_the_largest_inputs_are_those_in_32_bits(tmp_path, rows, inputs):
    path = int8_graph(tmp_path, normal(inputs, OUTPUTS))
    assert largest_pair(path) > MOST
    assert pairs_fit(path, tmp_path / "plain.onnx")
    assert largest_pair(path) <= MOST
    inputs_255 = np.full((rows, inputs), 255, dtype=np.float32)
    quick, wide = session(path), session(path, x64quantprecision="1")
    assert np.array_equal(*(each.run(None, {"x": inputs_255})[0] for each in (quick, wide)))


def test_answers_stay_close_to_those_of_the_weights(tmp_path):
    path, plain = int8_graph(tmp_path, normal(64, OUTPUTS)), tmp_path / "plain.onnx"
    pairs_fit(path, plain)
    x = np.abs(normal(5, 64)).astype(np.float32)
    answers, expected = (session(each).run(None, {"x": x})[0] for each in (path, plain))
    assert np.abs(answers - expected).mean() < 0.02 * np.abs(expected).mean()


def test_a_column_whose_pairs_fit_keeps_its_step():
    alone = np.array([[127.0], [0.0], [-100.0], [90.0], [5.0]])
    assert pair_steps(alone) == pytest.approx([1.0])
    together = np.array([[127.0], [127.0], [0.0]])
    assert pair_steps(together) == pytest.approx([2.0])
    assert pair_steps(np.zeros((4, 2))).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("outputs", [16, 64])
def test_weights_that_the_quantiser_turns_over_are_found(tmp_path, outputs):
    path = int8_graph(tmp_path, normal(outputs, 64), kind="Gemm")
    assert pairs_fit(path, tmp_path / "plain.onnx")
    assert largest_pair(path) <= MOST


@pytest.mark.parametrize("options", [{"weight_type": QuantType.QUInt8}, {"per_channel": False}])
def test_forms_that_nobody_fitted_are_not_called_exact(tmp_path, options):
    path = int8_graph(tmp_path, normal(64, OUTPUTS), **options)
    before = largest_pair(path)
    assert not pairs_fit(path, tmp_path / "plain.onnx")
    assert largest_pair(path) == before
