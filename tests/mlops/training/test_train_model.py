from __future__ import annotations

import json

import pytest
import torch
from django.core.management import CommandError, call_command
from safetensors.torch import load_file

from mlops.inference.classifier import Classifier
from mlops.training.trainer import CHECKPOINT, CheckpointError, Trainer
from tests.mlops.training.corpus import LABELS, base_write, corpus_write


@pytest.fixture
def files(tmp_path):
    return {**corpus_write(tmp_path), "base": base_write(tmp_path / "base")}


@pytest.fixture
def train(tmp_path, files, capsys):
    def run(**changes):
        options = {
            **{key: files[key] for key in ("train", "dev", "labels", "base")},
            "recipe": str(files["recipe"]),
            "output": tmp_path / "artifact",
            "work": tmp_path / "work",
            "device": "cpu",
            "no_progress": True,
            **changes,
        }
        call_command("train_model", **options)
        return capsys.readouterr()

    return run


def test_it_works(train, tmp_path):
    printed = train(json=True)
    manifest = json.loads(printed.out)
    assert manifest["labels"] == LABELS
    assert manifest["precision"] == "fp16"
    assert manifest["provenance"]["recipe"]["seed"] == 1
    assert {"dev_cross_validated", "baseline_dev_cross_validated"} <= manifest["metrics"].keys()
    classifier = Classifier.load(tmp_path / "artifact")
    assert classifier.predict(["good day"]).shape == (1, len(LABELS))


def test_the_seed_of_the_command_line_wins(train):
    assert json.loads(train(json=True, seed=7).out)["provenance"]["recipe"]["seed"] == 7


def test_progress_goes_to_stderr_and_the_result_to_stdout(train):
    printed = train()
    assert "teacher-a" in printed.err
    assert "f1_macro" in printed.out
    assert "teacher-a" not in printed.out


def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(
    train, files, tmp_path, monkeypatch
):
    train(work=tmp_path / "whole", output=tmp_path / "expected")
    step = Trainer._step
    calls = []

    def interrupted(self, rows):
        calls.append(rows)
        if len(calls) == 2:
            self._save()
            raise KeyboardInterrupt
        return step(self, rows)

    monkeypatch.setattr(Trainer, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train()
    monkeypatch.setattr(Trainer, "_step", step)
    train()
    name = "model.safetensors"
    expected = (tmp_path / "expected" / name).read_bytes()
    assert (tmp_path / "artifact" / name).read_bytes() == expected


def test_a_checkpoint_of_another_recipe_is_refused(train, files):
    train()
    recipe = files["recipe"].read_text().replace("dropout = 0.1", "dropout = 0.2")
    files["recipe"].write_text(recipe)
    with pytest.raises(CommandError, match="another recipe") as caught:
        train()
    assert caught.value.returncode == 1
    assert isinstance(caught.value.__cause__, CheckpointError)
    train(no_resume=True)


def test_a_checkpoint_holds_data_only(train, tmp_path):
    train()
    for path in (tmp_path / "work").rglob(CHECKPOINT):
        assert torch.load(path, weights_only=True)["progress"]["epoch"] == 1


def test_all_missing_files_are_named_at_once(train, tmp_path):
    with pytest.raises(CommandError, match=r"--train .*none, --dev .*nothing") as caught:
        train(train=tmp_path / "none", dev=tmp_path / "nothing")
    assert caught.value.returncode == 2


def test_an_unknown_recipe_names_those_there_are(train):
    with pytest.raises(CommandError, match=r"available: .*minilm") as caught:
        train(recipe="nonsense")
    assert caught.value.returncode == 2


def test_a_base_without_weights_is_refused(train, files):
    (files["base"] / "model.safetensors").unlink()
    with pytest.raises(CommandError, match=r"lacks model\.safetensors") as caught:
        train()
    assert caught.value.returncode == 1


def test_a_student_keeps_the_layers_that_its_recipe_names(train, files, tmp_path):
    base = base_write(tmp_path / "deep", layers=3)
    recipe = "layers = [0, 2]\n" + files["recipe"].read_text().replace("teacher_weight = 0.2", "")
    files["recipe"].write_text(f"teacher_weight = 0.0\n{recipe}layers = []\nepochs = 0\n")
    train(base=base)
    weights = load_file(tmp_path / "artifact" / "model.safetensors")
    assert any(".layer.1." in name for name in weights)
    assert not any(".layer.2." in name for name in weights)
    assert Classifier.load(tmp_path / "artifact").predict(["good day"]).shape == (1, len(LABELS))


def test_a_layer_that_the_base_lacks_is_refused(train, files):
    files["recipe"].write_text("layers = [0, 2]\n" + files["recipe"].read_text())
    with pytest.raises(CommandError, match=r"has 1 layers.*no \[2\]") as caught:
        train()
    assert caught.value.returncode == 1


def test_a_bad_row_is_named_with_file_and_line(train, files):
    files["dev"].write_text("good day\t0\ta\nbad day\t9\tb\n")
    with pytest.raises(CommandError, match=r"dev\.tsv:2: label ids \[9\] are outside 0\.\.2"):
        train()


def test_a_recipe_with_a_second_domain_asks_for_its_file(train, files, tmp_path):
    recipe = files["recipe"].read_text().replace("auxiliary_weight = 0.0", "auxiliary_weight = 0.5")
    files["recipe"].write_text(recipe)
    with pytest.raises(CommandError, match="--auxiliary"):
        train()
    second = tmp_path / "second.csv"
    second.write_text("id,text,joy,anger\n1,good day,2,0\n2,bad day,0,3\n")
    train(auxiliary=second)
