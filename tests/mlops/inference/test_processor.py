"""int8 products, whatever the processor: exact"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from mlops.inference import processor
from mlops.inference.backends import RuntimeOptions
from mlops.inference.manifest import Manifest
from mlops.inference.onnx_backend import OnnxBackend

WIDTH, LABELS = 64, 16
IDS = np.full((1, WIDTH), 255, dtype=np.int64)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Logits are sums of the token ids, by an int8 product of the largest numbers there are."""
    value_info, node = helper.make_tensor_value_info, helper.make_node
    graph = helper.make_graph(
        [
            node("Cast", ["input_ids"], ["x"], to=TensorProto.FLOAT),
            node("MatMul", ["x", "weights"], ["logits"], "product"),
        ],
        "sums",
        [
            value_info("input_ids", TensorProto.INT64, ["batch", WIDTH]),
            value_info("attention_mask", TensorProto.INT64, ["batch", WIDTH]),
        ],
        [value_info("logits", TensorProto.FLOAT, ["batch", LABELS])],
        [numpy_helper.from_array(np.ones((WIDTH, LABELS), dtype=np.float32), "weights")],
    )
    plain = tmp_path / "plain.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), plain)
    target = tmp_path / "model.onnx"
    quantize_dynamic(plain, target, per_channel=True, weight_type=QuantType.QInt8)
    return tmp_path


def manifest(**options) -> Manifest:
    labels = [f"label-{index}" for index in range(LABELS)]
    thresholds = [0.5] * LABELS
    return Manifest("sums", "1", "onnx", "int8", labels, "sigmoid", WIDTH, thresholds, **options)


def backend(folder: Path) -> OnnxBackend:
    return OnnxBackend(folder, manifest(), RuntimeOptions(device="cpu"))


def test_it_works(folder):
    logits = backend(folder).run(IDS, np.ones_like(IDS))
    # Without VNNI two such products do not fit into the 16 bits in which they are added.
    assert np.allclose(logits, 255 * WIDTH, rtol=0.01)


@pytest.mark.parametrize("exact_sums", [True, False])
def test_only_sums_that_may_not_fit_are_computed_in_twice_the_width(
    tmp_path, monkeypatch, folder, exact_sums
):
    file = tmp_path / "cpuinfo"
    file.write_text("flags : fpu avx2")
    monkeypatch.setattr(processor, "_CPUINFO", file)
    used: list[tuple[str, str]] = []
    monkeypatch.setattr(
        ort.SessionOptions,
        "add_session_config_entry",
        lambda _, name, value: used.append((name, value)),
    )
    OnnxBackend(folder, manifest(exact_sums=exact_sums), RuntimeOptions(device="cpu"))
    assert used == ([] if exact_sums else [("session.x64quantprecision", "1")])


@pytest.mark.parametrize(
    ("flags", "exact"),
    [
        ("flags : fpu avx2", False),
        ("flags : fpu avx2 avx512f", False),
        ("flags : fpu avx2 avx512f avx512_vnni", True),
        ("flags : fpu avx2 avx_vnni", True),
        ("Features : fp asimd", False),
        (None, False),
    ],
)
def test_what_the_processor_says(tmp_path, monkeypatch, flags, exact):
    file = tmp_path / "cpuinfo"
    if flags:
        file.write_text(flags)
    monkeypatch.setattr(processor, "_CPUINFO", file)
    assert processor.products_are_exact() is exact
