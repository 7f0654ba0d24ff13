"""Artifact folders are whole, or refused with a named error."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from mlops.inference.artifact import artifact_verify, artifact_write
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactCorruptError, ArtifactIncompatibleError
from mlops.inference.manifest import manifest_read


@pytest.fixture
def artifact(version_folder_int8, tmp_path):
    return shutil.copytree(version_folder_int8, tmp_path / "artifact")


def change_manifest(folder, **values):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_it_works(artifact):
    assert artifact_verify(artifact).name == "valence-minilm"
    assert len(artifact_verify(artifact).labels) == 28


def test_a_flipped_byte_is_found(artifact):
    content = bytearray((artifact / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (artifact / "model.onnx").write_bytes(content)
    with pytest.raises(ArtifactCorruptError, match=r"model.onnx does not match its digest"):
        Classifier.load(artifact)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(artifact, name):
    (artifact / name).unlink()
    with pytest.raises(ArtifactCorruptError, match=f"{name} is missing"):
        Classifier.load(artifact)


def test_a_missing_manifest_is_named(artifact):
    (artifact / "manifest.json").unlink()
    with pytest.raises(ArtifactCorruptError, match=r"manifest.json: cannot be read"):
        Classifier.load(artifact)


def test_a_newer_format_is_refused(artifact):
    change_manifest(artifact, format_version=99)
    with pytest.raises(ArtifactIncompatibleError, match="format version 99; this release reads"):
        Classifier.load(artifact)


def test_a_wrong_label_count_is_refused(artifact):
    manifest = manifest_read(artifact)
    change_manifest(artifact, labels=manifest.labels[:-1])
    with pytest.raises(ArtifactIncompatibleError, match="28 thresholds for 27 labels"):
        Classifier.load(artifact)
    change_manifest(artifact, labels=manifest.labels[:-1], thresholds=[0.5] * 27, calibration=None)
    with pytest.raises(ArtifactIncompatibleError, match="28 outputs, the manifest 27 labels"):
        Classifier.load(artifact)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"activation": "relu"}, "activation 'relu'"),
        ({"precision": "int3"}, "precision 'int3'"),
        ({"format": "pickle"}, "format 'pickle'"),
        ({"max_length": 2}, "max_length"),
        ({"labels": ["joy"] * 28}, "different names"),
        ({"label_map": {"happiness": "joy"}}, "not there: happiness"),
        ({"label_map": {"anger": "joy"}}, "several labels the same: joy"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(artifact, values, message):
    change_manifest(artifact, **values)
    with pytest.raises(ArtifactIncompatibleError, match=message):
        manifest_read(artifact)


def test_a_file_outside_the_folder_is_refused(artifact):
    (artifact.parent / "secret").write_text("x")
    change_manifest(artifact, files={"../secret": "0" * 64})
    with pytest.raises(ArtifactCorruptError, match="points outside"):
        artifact_verify(artifact)


def test_a_model_file_that_is_no_graph_is_refused(artifact):
    manifest = manifest_read(artifact)

    def fill(folder):
        shutil.copy(artifact / "tokenizer.json", folder)
        (folder / "model.onnx").write_bytes(b"not a graph")

    artifact_write(artifact.parent / "broken", manifest, fill)
    with pytest.raises(ArtifactCorruptError, match="ONNX Runtime refused it"):
        Classifier.load(artifact.parent / "broken")


def test_a_failed_write_leaves_the_old_artifact_and_no_rubbish(artifact):
    before = artifact_verify(artifact)

    def fill(folder):
        (folder / "half").write_text("written")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        artifact_write(artifact, replace(before, version="2"), fill)
    assert artifact_verify(artifact) == before
    assert [path.name for path in artifact.parent.iterdir()] == [artifact.name]
