"""Export to ONNX: close to its parent, or refused"""

from __future__ import annotations

import json
import shutil

import onnx
import pytest

from emotions.setup import PRETRAINED
from mlops.export.options import ExportOptions
from mlops.inference.artifact import artifact_verify, artifact_write
from mlops.inference.backends import RuntimeOptions
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactError
from mlops.inference.huggingface import artifact_adopt
from mlops.models import Dataset
from mlops.services.datasets import dataset_register
from mlops.services.export import artifact_export
from tests.mlops.inference.models import SHAPES, huggingface_folder

TEXTS = ["good day", "what a bad bad day!", "thank you good days i am sad. " * 4]


def test_it_works(version_folder_int8):
    manifest = artifact_verify(version_folder_int8)
    parent = artifact_verify(PRETRAINED)
    assert (manifest.format, manifest.precision) == ("onnx", "int8")
    assert manifest.labels == parent.labels
    assert manifest.thresholds == parent.thresholds
    assert manifest.provenance["export"]["parent"] == parent.digest
    assert manifest.provenance["export"]["opset"] == 18
    assert manifest.provenance["export"]["versions"]["optimum-onnx"]
    assert manifest.provenance["parity"]["mean_difference"] < 0.01
    assert manifest.provenance["parity"]["top_label_agreement"] > 0.9
    assert (version_folder_int8 / "model.onnx").stat().st_size < 25_000_000


def test_weights_are_signed_on_every_machine(version_folder_int8):
    """VNNI and ARM compute them fastest, and the others are told to add them in 32 bits"""
    graph = onnx.load(version_folder_int8 / "model.onnx").graph
    weights = {node.input[1] for node in graph.node if node.op_type == "MatMulInteger"}
    types = {each.data_type for each in graph.initializer if each.name in weights}
    assert types == {onnx.TensorProto.INT8}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_exported_and_matches_its_parent(tmp_path, shape):
    from mlops.export.exporter import onnx_export

    source = tmp_path / "source"
    artifact_adopt(huggingface_folder(tmp_path / "folder", shape), source, name=shape)
    report = onnx_export(source, tmp_path / "onnx", ExportOptions("fp32"), tolerance=1e-4)
    assert report["within_tolerance"]
    assert report["max_difference"] < 1e-4
    options = RuntimeOptions(device="cpu")
    parent, child = (Classifier.load(tmp_path / name, options) for name in ("source", "onnx"))
    assert abs(parent.predict(TEXTS) - child.predict(TEXTS)).max() < 1e-4


def test_half_precision_and_fused_graphs_match_as_well(tmp_path):
    from mlops.export.exporter import onnx_export

    source = tmp_path / "source"
    artifact_adopt(huggingface_folder(tmp_path / "folder", "bert"), source, name="bert")
    for options in (
        ExportOptions("fp16"),
        ExportOptions("fp32", optimize="O2"),
        ExportOptions("int8", optimize="O1"),
    ):
        report = onnx_export(source, tmp_path / "onnx", options, tolerance=0.02)
        assert report["within_tolerance"], (options, report)


@pytest.mark.django_db
def test_a_damaged_source_is_named(tmp_path):
    source = shutil.copytree(PRETRAINED, tmp_path / "source")
    (source / "config.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"config.json does not match its digest") as refused:
        artifact_export(source=source, target=tmp_path / "onnx", options=ExportOptions())
    assert refused.value.code == "artifact_corrupt"


@pytest.mark.django_db
def test_the_parity_report_reads_the_reference_data_in_the_products_words(tmp_path):
    source = tmp_path / "source"
    artifact_adopt(huggingface_folder(tmp_path / "folder", "bert"), source, name="bert")
    label = artifact_verify(source).labels[0]
    data = tmp_path / "data.csv"
    data.write_text("text,labels\ngood day,cheer\nwhat a bad day,cheer\n")
    Dataset.objects.update(reference=False)
    dataset = dataset_register(file=data, name="mapped", label_map={"cheer": label})
    target, options = tmp_path / "onnx", ExportOptions("fp32")
    mapped = artifact_export(source=source, target=target, options=options)
    Dataset.objects.filter(pk=dataset.pk).update(label_map={})
    unknown = artifact_export(source=source, target=target, options=options)
    assert mapped["f1_macro"] == mapped["f1_macro_parent"]
    assert mapped["f1_macro"] is not None
    assert unknown["f1_macro"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "bf16"}, "one of fp32, fp16, int8"),
        ({"optimize": "O9"}, "one of none, O1"),
        ({"optimize": "O4"}, "needs precision fp16"),
        ({"opset": 3}, "opset 3: at least 14"),
    ],
)
def test_options_that_cannot_work_are_named(options, message):
    with pytest.raises(ArtifactError, match=message):
        ExportOptions(**options)


def test_an_exporter_that_is_not_there_says_what_to_install():
    from mlops.export.exporters import exporter_named

    for name, message in (("transformers", "needs transformers 5"), ("other", "one of optimum")):
        with pytest.raises(ArtifactError, match=message):
            exporter_named(name)


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
