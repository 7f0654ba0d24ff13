from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from mlops.models import Evaluation
from mlops.services.versions import version_register
from tests.mlops.evaluation.conftest import ROWS
from tests.mlops.inference.models import LABELS

pytestmark = pytest.mark.django_db


@pytest.fixture
def files(tmp_path):
    contents = {
        "data": ("dev.tsv", ROWS * 5),
        "labels": ("labels.txt", "\n".join(LABELS)),
        "rollups": ("rollups.json", json.dumps({"ekman": {"joy": ["joy"], "rage": ["anger"]}})),
    }
    for name, content in contents.values():
        (tmp_path / name).write_text(content)
    return {key: tmp_path / name for key, (name, _) in contents.items()}


@pytest.fixture
def evaluate(files, capsys):
    def run(model, **changes):
        call_command("evaluate_model", str(model), **{**files, **changes})
        return capsys.readouterr()

    return run


def test_it_works(evaluate, artifact, tmp_path):
    report = tmp_path / "report.html"
    result = json.loads(evaluate(artifact, json=True, report=report).out)
    assert result["texts"] == 20
    assert {"f1_macro", "mean_average_precision", "brier_score"} <= result["overall"].keys()
    assert set(result["rollups"]["ekman"]["groups"]) == {"joy", "rage"}
    assert result["speed"]["texts_per_second"] > 0
    page = report.read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page


def test_a_registered_versions_figures_are_kept(evaluate, artifact):
    version = version_register(folder=artifact)
    evaluate(f"tiny:{version.number}")
    kept = Evaluation.objects.get(version=version)
    assert kept.f1_macro == kept.result["overall"]["f1_macro"]


def test_a_folders_figures_are_not_kept(evaluate, artifact):
    before = Evaluation.objects.count()
    evaluate(artifact)
    assert Evaluation.objects.count() == before


def test_a_file_of_groups_is_scored_by_threshold_transfer(evaluate, artifact, tmp_path):
    groups = tmp_path / "groups.csv"
    groups.write_text("id,text,joy,rage\n1,good day,2,0\n2,bad day,0,3\n")
    result = json.loads(evaluate(artifact, data=groups, json=True).out)
    assert result["rollups"]["ekman"]["groups"]["rage"]["support"] == 1


def test_labels_in_another_order_give_the_same_figures(evaluate, artifact, files, tmp_path):
    turned = tmp_path / "turned.txt"
    turned.write_text("\n".join(reversed(LABELS)))
    rows = ROWS.replace("\t0\t", "\tx\t").replace("\t2\t", "\t0\t").replace("\t1,2\t", "\t0,1\t")
    data = tmp_path / "turned.tsv"
    data.write_text(rows.replace("\tx\t", "\t2\t") * 5)
    expected = json.loads(evaluate(artifact, json=True).out)["overall"]
    found = json.loads(evaluate(artifact, data=data, labels=turned, json=True).out)["overall"]
    assert found == expected


def test_an_unknown_model_names_the_registered_ones(evaluate, artifact):
    version_register(folder=artifact)
    with pytest.raises(CommandError, match=r"registered: .*tiny:1") as caught:
        evaluate("nonsense")
    assert caught.value.returncode == 2


def test_labels_that_only_one_of_them_has_are_left_out_and_named(evaluate, artifact, files):
    files["labels"].write_text("joy\nanger\nsadness\n")
    result = json.loads(evaluate(artifact, json=True, rollups=None).out)
    assert [row["label"] for row in result["labels"]] == ["joy", "anger"]
    assert result["left_out"] == {"model": ["neutral"], "data": ["sadness"]}


def test_a_file_without_any_of_the_models_labels_is_refused(evaluate, artifact, files):
    files["labels"].write_text("spam\nham\nother\n")
    with pytest.raises(CommandError, match=r"none of the model.s .*give a label map") as caught:
        evaluate(artifact)
    assert caught.value.returncode == 1


def test_missing_files_are_named_at_once(evaluate, artifact, tmp_path):
    with pytest.raises(CommandError, match=r"--data .*a, --labels .*b") as caught:
        evaluate(artifact, data=tmp_path / "a", labels=tmp_path / "b")
    assert caught.value.returncode == 2


def test_a_corrupt_model_is_refused(evaluate, artifact):
    (artifact / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CommandError, match="does not match its digest"):
        evaluate(artifact)
