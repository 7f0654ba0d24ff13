"""Export to ONNX: close to its parent, or refused"""

from __future__ import annotations

import json
import shutil

import pytest

from emotions.setup import PRETRAINED
from mlops.inference.artifact import artifact_verify, artifact_write
from mlops.inference.backends import RuntimeOptions
from mlops.inference.classifier import Classifier
from mlops.inference.huggingface import artifact_adopt
from mlops.services.export import ExportError, artifact_export
from tests.mlops.inference.models import SHAPES, huggingface_folder

TEXTS = ["good day", "what a bad bad day!", "thank you good days i am sad. " * 4]


def test_it_works(version_folder_int8):
    manifest = artifact_verify(version_folder_int8)
    parent = artifact_verify(PRETRAINED)
    assert (manifest.format, manifest.precision) == ("onnx", "int8")
    assert manifest.labels == parent.labels
    assert manifest.thresholds == parent.thresholds
    assert manifest.provenance["export"]["parent"] == parent.digest
    assert manifest.provenance["parity"]["mean_difference"] < 0.01
    assert manifest.provenance["parity"]["top_label_agreement"] > 0.9
    assert (version_folder_int8 / "model.onnx").stat().st_size < 25_000_000


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_exported_and_matches_its_parent(tmp_path, shape):
    from mlops.export.exporter import onnx_export

    source = tmp_path / "source"
    artifact_adopt(huggingface_folder(tmp_path / "folder", shape), source, name=shape)
    report = onnx_export(source, tmp_path / "onnx", "fp32")
    assert report["max_difference"] < 1e-4
    options = RuntimeOptions(device="cpu")
    parent, child = (Classifier.load(tmp_path / name, options) for name in ("source", "onnx"))
    assert abs(parent.predict(TEXTS) - child.predict(TEXTS)).max() < 1e-4


def test_an_export_too_far_from_its_parent_is_refused(tmp_path, monkeypatch):
    from mlops.export import exporter

    source = tmp_path / "source"
    artifact_adopt(huggingface_folder(tmp_path / "folder", "bert"), source, name="bert")
    monkeypatch.setitem(exporter.TOLERANCE, "int8", 1e-9)
    with pytest.raises(exporter.ParityError, match="a probability moved by"):
        exporter.onnx_export(source, tmp_path / "onnx", "int8")
    assert not (tmp_path / "onnx").exists()


def test_a_damaged_source_is_named(tmp_path):
    source = shutil.copytree(PRETRAINED, tmp_path / "source")
    (source / "config.json").write_text("{}")
    with pytest.raises(ExportError, match=r"config.json does not match its digest"):
        artifact_export(source=source, target=tmp_path / "onnx", precision="int8")


def test_a_whole_export_is_not_made_again_and_a_damaged_one_is(tmp_path):
    source, target = tmp_path / "source", tmp_path / "onnx"
    artifact_adopt(huggingface_folder(tmp_path / "folder", "bert"), source, name="bert")
    artifact_export(source=source, target=target, precision="fp32")
    first = (target / "model.onnx").stat().st_mtime_ns
    artifact_export(source=source, target=target, precision="fp32")
    assert (target / "model.onnx").stat().st_mtime_ns == first
    (target / "model.onnx").write_bytes(b"torn")
    artifact_export(source=source, target=target, precision="fp32")
    assert artifact_verify(target).format == "onnx"


def test_an_interrupted_write_leaves_nothing_that_looks_whole(tmp_path):
    manifest = artifact_verify(PRETRAINED)

    def fill(folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        artifact_write(tmp_path / "target", manifest, fill)
    assert list(tmp_path.iterdir()) == []


def test_the_report_is_part_of_the_manifest(version_folder_int8):
    written = json.loads((version_folder_int8 / "manifest.json").read_text())
    assert {"max_difference", "mean_difference", "texts"} <= written["provenance"]["parity"].keys()
