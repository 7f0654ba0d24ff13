"""Any Hugging Face sequence-classification folder becomes an artifact and loads."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mlops.inference.artifact import artifact_verify
from mlops.inference.backends import RuntimeOptions
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactCorruptError, ArtifactIncompatibleError
from mlops.inference.huggingface import artifact_adopt
from tests.mlops.inference.models import LABELS, SHAPES, huggingface_folder

TEXTS = ["good day", "what a bad bad day!", "i am sad. thank you good days " * 3]


@pytest.fixture
def bert(tmp_path):
    return huggingface_folder(tmp_path / "bert", "bert")


@pytest.mark.parametrize("shape", SHAPES)
def test_it_works(tmp_path, shape):
    source = huggingface_folder(tmp_path / shape, shape)
    artifact_adopt(source, tmp_path / "artifact", name=shape)
    classifier = Classifier.load(tmp_path / "artifact", RuntimeOptions(device="cpu"))
    probabilities = classifier.predict(TEXTS)
    assert probabilities.shape == (len(TEXTS), len(LABELS))
    assert np.isfinite(probabilities).all()
    assert classifier.manifest.labels == LABELS


@pytest.mark.parametrize("shape", SHAPES)
def test_padding_does_not_change_an_answer(tmp_path, shape):
    source = huggingface_folder(tmp_path / shape, shape)
    artifact_adopt(source, tmp_path / "artifact", name=shape)
    classifier = Classifier.load(tmp_path / "artifact", RuntimeOptions(device="cpu"))
    alone = np.concatenate([classifier.predict([text]) for text in TEXTS])
    np.testing.assert_allclose(classifier.predict(TEXTS), alone, atol=1e-5)


def test_one_of_several_labels_means_softmax(tmp_path):
    source = huggingface_folder(tmp_path / "bert", "bert", multi_label=False)
    manifest = artifact_adopt(source, tmp_path / "artifact", name="single")
    assert manifest.activation == "softmax"
    classifier = Classifier.load(tmp_path / "artifact", RuntimeOptions(device="cpu"))
    np.testing.assert_allclose(classifier.predict(TEXTS).sum(axis=1), 1.0, atol=1e-5)


def test_half_precision_answers_like_full_precision(tmp_path, bert):
    artifact_adopt(bert, tmp_path / "artifact", name="bert")
    load = lambda precision: Classifier.load(  # noqa: E731
        tmp_path / "artifact", RuntimeOptions(device="cpu", precision=precision)
    )
    full, half = load("fp32").predict(TEXTS), load("bf16").predict(TEXTS)
    np.testing.assert_allclose(half, full, atol=2e-2)


def test_a_tokeniser_of_vocabulary_alone_is_converted(tmp_path, bert):
    tokenizer = json.loads((bert / "tokenizer.json").read_text())
    (bert / "tokenizer.json").unlink()
    vocabulary = tokenizer["model"]["vocab"]
    (bert / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    artifact_adopt(bert, tmp_path / "artifact", name="bert")
    assert artifact_verify(tmp_path / "artifact").files.keys() >= {"tokenizer.json"}
    assert Classifier.load(tmp_path / "artifact").predict(["good day"]).shape == (1, 3)


def test_pickled_weights_are_refused(tmp_path, bert):
    (bert / "model.safetensors").rename(bert / "pytorch_model.bin")
    with pytest.raises(ArtifactIncompatibleError, match=r"pickled weights.*safetensors"):
        artifact_adopt(bert, tmp_path / "artifact", name="bert")
    assert not (tmp_path / "artifact").exists()


def test_missing_weights_config_or_tokeniser_are_named(tmp_path, bert):
    for name, message in [
        ("tokenizer.json", "no usable tokeniser"),
        ("model.safetensors", r"no \*.safetensors"),
        ("config.json", r"config.json: cannot be read"),
    ]:
        (bert / name).unlink()
        with pytest.raises(ArtifactCorruptError, match=message):
            artifact_adopt(bert, tmp_path / "artifact", name="bert")


def test_weights_without_the_head_never_serve(tmp_path, bert):
    from safetensors.torch import load_file, save_file

    weights = load_file(bert / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier")}
    save_file(kept, bert / "model.safetensors", metadata={"format": "pt"})
    artifact_adopt(bert, tmp_path / "artifact", name="bert")
    with pytest.raises(ArtifactIncompatibleError, match="no fitting weights for classifier"):
        Classifier.load(tmp_path / "artifact")
