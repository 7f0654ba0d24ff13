from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from mlops.evaluation.cascade import SHARES, Answers, cascade_curve
from mlops.inference.manifest import MANIFEST_NAME, manifest_read
from tests.mlops.evaluation.conftest import ROWS


@pytest.fixture
def world():
    """Outcomes, a full model that knows their probabilities and a small one that is less sharp."""
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.0, 2.5, size=(3000, 3))
    truth = 1 / (1 + np.exp(-logits))
    blurred = 1 / (1 + np.exp(-logits - rng.normal(0.0, 2.0, size=logits.shape)))
    actual = rng.random(truth.shape) < truth
    return Answers(blurred, np.full(3000, 0.001)), Answers(truth, np.full(3000, 0.003)), actual


@pytest.fixture
def data(tmp_path):
    (tmp_path / "dev.tsv").write_text(ROWS * 5)
    return tmp_path / "dev.tsv"


def test_it_works(world):
    points = cascade_curve(*world)
    assert [point.wanted for point in points] == list(SHARES)
    assert points[0].escalated == 0
    assert points[-1].f1_micro > points[0].f1_micro + 0.05
    assert points[0].cost == pytest.approx(1 / 3)
    assert points[-1].cost == 1.0


def test_as_many_texts_are_handed_on_as_the_bound_was_set_for(world):
    for point in cascade_curve(*world):
        assert point.escalated == pytest.approx(point.wanted, abs=0.02)
        if point.wanted < 1:
            assert point.cost == pytest.approx(1 / 3 + point.escalated)


def test_handing_on_what_is_doubted_beats_handing_on_at_random(world):
    points = cascade_curve(*world)
    none, every = points[0].f1_micro, points[-1].f1_micro
    half = next(point for point in points if point.wanted == 0.5)
    assert half.f1_micro > none + (every - none) * 0.6


def test_the_command_writes_a_table_for_the_card(artifact, data, capsys):
    call_command("evaluate_cascade", str(artifact), str(artifact), data=data)
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0].startswith("| handed on |")
    assert len(lines) == 2 + len(SHARES)


def test_the_command_answers_programs_too(artifact, data, capsys):
    call_command("evaluate_cascade", str(artifact), str(artifact), data=data, json=True)
    result = json.loads(capsys.readouterr().out)
    assert result["texts"] == 20
    assert result["points"][0]["cost"] > 0


def test_models_of_other_labels_are_refused(artifact, data, tmp_path):
    other = shutil.copytree(artifact, tmp_path / "other")
    manifest = manifest_read(other)
    renamed = replace(manifest, labels=[*manifest.labels[1:], "else"])
    (other / MANIFEST_NAME).write_text(renamed.to_json())
    with pytest.raises(CommandError, match="different labels") as caught:
        call_command("evaluate_cascade", str(artifact), str(other), data=data)
    assert caught.value.returncode == 2
