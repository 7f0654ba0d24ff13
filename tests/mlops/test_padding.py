"""Padding is not computed: the same answers, and none for rows that are nobody's"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from mlops.export.exporters import exporter_named
from mlops.export.feeds import CLOSE
from mlops.export.padding import padding_skip
from mlops.inference.classifier import Classifier
from mlops.inference.torch_backend import model_load
from tests.mlops.inference.models import huggingface_folder

WINDOWS = [[2, 5, 3], [2, 6, 7, 8, 5, 9, 3], [2, 5, 6, 3], [2, *([7] * 20), 3]]
TOKENS = sum(map(len, WINDOWS))


def graph_write(folder: Path, shape: str) -> Path:
    model = model_load(huggingface_folder(folder / shape, shape)).eval()
    path = folder / "plain.onnx"
    exporter_named("optimum-onnx").graph_write(model, path, 18)
    return path


def answers(path: Path, windows: list[list[int]], outputs: list[str] | None = None) -> list:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    width = max(map(len, windows))
    ids = np.array([[*window, *[0] * (width - len(window))] for window in windows])
    feed = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)}
    feed["token_type_ids"] = np.zeros_like(ids)
    wanted = [node.name for node in session.get_inputs()]
    return session.run(outputs, {name: feed[name] for name in wanted})


@pytest.mark.parametrize("shape", ["bert", "roberta", "distilbert", "modernbert"])
def test_it_works(tmp_path, shape):
    path = graph_write(tmp_path, shape)
    [expected] = answers(path, WINDOWS)
    assert padding_skip(path, WINDOWS)
    for windows, rows in ((WINDOWS, expected), (WINDOWS[:1], expected[:1])):
        assert np.abs(answers(path, windows)[0] - rows).max() < CLOSE


def test_products_see_tokens_only(tmp_path):
    path = graph_write(tmp_path, "bert")
    assert padding_skip(path, WINDOWS)
    model = onnx.load(path)
    weights = {each.name for each in model.graph.initializer}
    names = [
        node.input[0]
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    ]
    model.graph.output.extend(map(onnx.helper.make_empty_tensor_value_info, dict.fromkeys(names)))
    onnx.save(model, path)
    assert {len(each) for each in answers(path, WINDOWS, [*dict.fromkeys(names)])} == {TOKENS}


def test_a_graph_that_would_answer_otherwise_stays_as_it_was(tmp_path):
    path = graph_write(tmp_path, "deberta-v2")
    before = path.read_bytes()
    assert not padding_skip(path, WINDOWS)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.glob("*.onnx")] == ["plain.onnx"]


def test_what_ships_answers_in_a_batch_nearly_as_alone(version_folder_int8):
    classifier = Classifier.load(version_folder_int8)
    texts = ["Thanks!", "I am so sorry for your loss.", "What on earth is this about? " * 4]
    alone = np.concatenate([classifier.predict([text]) for text in texts])
    together = classifier.predict_encoded(classifier.encode(texts))
    assert np.abs(together - alone).max() < 0.1
