"""Two versions on the same rows, and labels that are called differently"""

from __future__ import annotations

import numpy as np
import pytest

from mlops.evaluation.alignment import Scored, labels_align
from mlops.evaluation.comparison import comparison_measure
from mlops.training.data import DataFormatError

LABELS = ["joy", "anger", "fear"]


def scored(rng, actual, *, right: float) -> Scored:
    """Decisions that are right with a probability."""
    predicted = np.where(rng.random(actual.shape) < right, actual, ~actual)
    return Scored(LABELS, predicted.astype(np.float32), predicted, actual)


@pytest.fixture
def actual():
    return np.random.default_rng(1).random((800, 3)) < 0.3


def test_it_works(actual):
    rng = np.random.default_rng(2)
    better, worse = scored(rng, actual, right=0.95), scored(rng, actual, right=0.9)
    found = comparison_measure(better, worse, samples=300)
    low, high = found["intervals"]["f1_macro"]
    assert 0 < low < found["figures"]["f1_macro"]["difference"] < high
    assert [row["difference"] for row in found["labels"]] == sorted(
        row["difference"] for row in found["labels"]
    )


def test_a_version_against_itself_differs_by_nothing(actual):
    same = scored(np.random.default_rng(2), actual, right=0.9)
    found = comparison_measure(same, same, samples=100)
    assert found["intervals"]["f1_macro"] == (0.0, 0.0)
    assert found["decisions_changed"] == 0


def test_the_interval_of_the_difference_is_narrower_than_those_of_the_figures(actual):
    """Both meet the same rows: what is hard for both is no difference between them."""
    from mlops.evaluation.bootstrap import f1_intervals

    rng = np.random.default_rng(2)
    base = scored(rng, actual, right=0.85)
    flipped = base.predicted ^ (rng.random(actual.shape) < 0.01)
    other = Scored(LABELS, base.probabilities, flipped, actual)
    low, high = comparison_measure(other, base, samples=300)["intervals"]["f1_macro"]
    own = f1_intervals(base.predicted, actual, supported=np.ones(3, bool), samples=300)["f1_macro"]
    assert high - low < (own[1] - own[0]) / 2


def test_other_rows_and_other_labels_are_not_compared(actual):
    rng = np.random.default_rng(2)
    one, other = scored(rng, actual, right=0.9), scored(rng, ~actual, right=0.9)
    with pytest.raises(DataFormatError, match="not scored on the same rows"):
        comparison_measure(one, other)
    strange = Scored(["x", "y", "z"], one.probabilities, one.predicted, actual)
    with pytest.raises(DataFormatError, match="no label in common"):
        comparison_measure(one, strange)


def test_labels_are_matched_by_what_the_product_calls_them():
    shared = labels_align(
        ["joy", "anger"], ["happy", "glad", "mad"], {"happy": "joy", "glad": "joy"}
    )
    assert (shared.labels, shared.model_only, shared.data_only) == (["joy"], ["anger"], ["mad"])
    truth = np.array([[True, False, False], [False, True, False], [False, False, True]])
    found = shared.scored(
        np.array([[0.9, 0.1]] * 3, np.float32), np.array([0.5, 0.5], np.float32), truth
    )
    assert found.actual[:, 0].tolist() == [True, True, False]


def test_rows_survive_the_disk(actual, tmp_path):
    kept = scored(np.random.default_rng(2), actual, right=0.9)
    kept.save(tmp_path / "rows.npz")
    again = Scored.load(tmp_path / "rows.npz")
    assert again.labels == LABELS
    assert (again.actual == actual).all()
    assert (again.predicted == kept.predicted).all()
