"""A cascade's answers: the small model's where it is sure, the full one's where it is not"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from mlops.evaluation.behaviour.suite import behaviour_texts
from mlops.inference.artifact import artifact_write
from mlops.inference.backends import RuntimeOptions, survives_fork
from mlops.inference.calibration import rows_unpack
from mlops.inference.cascade import Cascade, doubt
from mlops.inference.child import Child
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactCorruptError, ArtifactIncompatibleError
from mlops.inference.manifest import MANIFEST_NAME, manifest_read

TEXTS = behaviour_texts()[::3]
# What a batch may move a text by: int8 scales are those of all texts of a pass.
INT8 = 0.12


@pytest.fixture(scope="module")
def models(cascade_folder):
    """The cascade, and each of its models by itself."""
    folders = (cascade_folder, cascade_folder / "small", cascade_folder / "full")
    return [Classifier.load(folder) for folder in folders]


def singles(classifier, texts):
    return np.concatenate([classifier.predict([text]) for text in texts])


def copied(source, target, manifest, change=None):
    """Another artifact with the files of *source*, changed."""

    def fill(folder):
        shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        if change:
            change(folder)

    artifact_write(target, manifest, fill)
    return target


def test_it_works(models):
    cascade, _, full = models
    assert isinstance(cascade, Cascade)
    answers, sure, unsure = (singles(model, TEXTS) for model in models)
    over = doubt(sure, cascade.calibrator.thresholds) > cascade.manifest.bound
    assert 0.15 < over.mean() < 0.45
    assert (answers == np.where(over[:, None], unsure, sure)).all()
    assert (cascade.calibrator.thresholds == full.calibrator.thresholds).all()


def test_doubt_is_that_of_the_decision_nearest_to_its_threshold():
    thresholds = np.array([0.5, 0.3])
    sure, unsure, undecided = doubt(np.array([[0.95, 0.02], [0.95, 0.28], [0.5, 0.9]]), thresholds)
    assert sure < unsure < undecided == 0


def test_a_batch_answers_as_its_texts_do_one_by_one(models):
    cascade, small, _ = models
    doubts = doubt(singles(small, TEXTS), cascade.calibrator.thresholds)
    # A text at the bound may go to either, as a batch moves it.
    clear = np.abs(doubts - cascade.manifest.bound) > 0.1
    moved = np.abs(cascade.predict(TEXTS) - singles(cascade, TEXTS))[clear]
    assert clear.mean() > 0.5
    assert moved.max() < INT8
    assert moved.mean() < 0.003


def test_a_long_text_is_one_model_s_as_a_whole(models):
    cascade = models[0]
    texts = [(f"{text} " * 300)[:900] for text in TEXTS[:40]]
    encoded = cascade.encode(texts)
    texts = [text for text, each in zip(texts, encoded, strict=True) if len(each.windows) > 1]
    assert len(texts) > 30
    answers, sure, unsure = (singles(model, texts) for model in models)
    by_small, by_full = (answers == sure).all(axis=1), (answers == unsure).all(axis=1)
    assert (by_small | by_full).all()
    assert by_small.any()
    assert by_full.any()


def test_who_listens_hears_which_model_answered(models):
    cascade, small, _ = models
    heard = []
    cascade.heard = lambda *counts: heard.append(counts)
    over = doubt(singles(small, TEXTS), cascade.calibrator.thresholds) > cascade.manifest.bound
    singles(cascade, TEXTS)
    assert np.sum(heard, axis=0).tolist() == [np.sum(~over), np.sum(over)]


def test_it_answers_from_a_process_of_its_own_as_shadows_do(models, cascade_folder):
    with closing(Child(cascade_folder, "cpu")) as child:
        rows = np.stack([child.predict([text]).probabilities[0] for text in TEXTS[:20]])
    assert (rows == singles(models[0], TEXTS[:20])).all()


def test_single_texts_of_the_queue_go_by_their_doubt_as_well(models):
    cascade = models[0]
    encoded = cascade.encode(TEXTS[:20])
    rows = np.concatenate([rows_unpack(cascade.predict_packed([each])) for each in encoded])
    assert (rows == singles(cascade, TEXTS[:20])).all()


def test_workers_share_one_that_was_loaded_ahead(models, cascade_folder):
    assert survives_fork(manifest_read(cascade_folder), RuntimeOptions(device="cpu"))
    before = singles(models[0], TEXTS[:20])
    models[0].rest()
    assert (singles(models[0], TEXTS[:20]) == before).all()


def test_what_its_models_are_is_part_of_its_digest(cascade_folder, tmp_path):
    names = set(manifest_read(cascade_folder).files)
    assert {f"{part}/{MANIFEST_NAME}" for part in ("small", "full")} < names
    changed = shutil.copytree(cascade_folder, tmp_path / "changed", copy_function=os.link)
    (changed / "small" / MANIFEST_NAME).unlink()
    shutil.copyfile(cascade_folder / "full" / MANIFEST_NAME, changed / "small" / MANIFEST_NAME)
    with pytest.raises(ArtifactCorruptError, match=r"small/manifest.json does not match"):
        Classifier.load(changed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_length": 64}, "window of valence-nano and valence-minilm differ: 64 and 128"),
        ({"activation": "softmax"}, "activation of .* differ: softmax and sigmoid"),
        ({"precision": "fp32"}, "precision of .* differ: fp32 and int8"),
        ({"label_map": {"joy": "glee"}}, "label map of .* differ"),
    ],
)
def test_models_that_do_not_fit_are_not_loaded(cascade_folder, tmp_path, changes, message):
    def other(folder):
        path = folder / "small" / MANIFEST_NAME
        path.write_text(replace(manifest_read(folder / "small"), **changes).to_json())

    folder = copied(cascade_folder, tmp_path / "other", manifest_read(cascade_folder), other)
    with pytest.raises(ArtifactIncompatibleError, match=message):
        Classifier.load(folder)


def test_a_cascade_speaks_as_its_models_do(cascade_folder, tmp_path):
    shorter = replace(manifest_read(cascade_folder), max_length=64)
    folder = copied(cascade_folder, tmp_path / "shorter", shorter)
    with pytest.raises(ArtifactIncompatibleError, match="another window than its models"):
        Classifier.load(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bound": None}, "a cascade needs a bound of doubt, a number; not None"),
        ({"bound": float("nan")}, "a cascade needs a bound of doubt, a number; not nan"),
        ({"format": "onnx"}, "a bound of doubt is for cascades only"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(cascade_folder, changes, message):
    with pytest.raises(ArtifactIncompatibleError, match=message):
        replace(manifest_read(cascade_folder), **changes)
