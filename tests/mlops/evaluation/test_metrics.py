from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from mlops.evaluation import metrics
from mlops.evaluation.bootstrap import f1_intervals
from mlops.evaluation.measure import evaluation_measure, group_members


@pytest.fixture
def outputs():
    rng = np.random.default_rng(0)
    actual = rng.random((400, 5)) < [0.5, 0.3, 0.1, 0.05, 0.2]
    probabilities = np.clip(0.3 * actual + 0.7 * rng.random(actual.shape), 0.001, 0.999)
    return probabilities, actual


def test_it_works(outputs):
    """All figures agree with scikit-learn's."""
    probabilities, actual = outputs
    predicted = probabilities >= 0.5
    for average, ours in (
        ("macro", metrics.f1_macro),
        ("micro", metrics.f1_micro),
        ("weighted", metrics.f1_weighted),
    ):
        assert ours(predicted, actual) == pytest.approx(
            reference.f1_score(actual, predicted, average=average, zero_division=0)
        )
    assert metrics.average_precision(probabilities, actual) == pytest.approx(
        reference.average_precision_score(actual, probabilities, average=None)
    )
    assert metrics.matthews_correlation(predicted, actual) == pytest.approx(
        reference.matthews_corrcoef(actual.ravel(), predicted.ravel())
    )
    assert metrics.subset_accuracy(predicted, actual) == pytest.approx(
        reference.accuracy_score(actual, predicted)
    )


def test_a_label_that_never_occurs_counts_as_zero(outputs):
    _, actual = outputs
    actual[:, 3] = False
    predicted = actual.copy()
    assert metrics.f1_per_label(predicted, actual)[3] == 0
    assert metrics.f1_macro(predicted, actual) == pytest.approx(4 / 5)
    assert np.isnan(metrics.average_precision(predicted.astype(float), actual)[3])


def test_honest_probabilities_have_no_calibration_error():
    rng = np.random.default_rng(1)
    probabilities = rng.random((50_000, 2))
    honest = rng.random(probabilities.shape) < probabilities
    assert metrics.calibration_error(probabilities, honest) < 0.01
    assert metrics.calibration_error(probabilities**3, honest) > 0.1


def test_risk_falls_with_confidence(outputs):
    probabilities, actual = outputs
    curve = metrics.risk_coverage(probabilities, actual)
    assert curve[-1][0] == 1.0
    assert curve[0][1] <= curve[-1][1]


def test_intervals_hold_the_figure_and_do_not_change(outputs):
    probabilities, actual = outputs
    predicted = probabilities >= 0.5
    supported = np.ones(5, dtype=bool)
    first = f1_intervals(predicted, actual, supported=supported, samples=150)
    low, high = first["f1_macro"]
    assert low < metrics.f1_macro(predicted, actual) < high
    assert first == f1_intervals(predicted, actual, supported=supported, samples=150)


def test_groups_are_present_when_any_member_is(outputs):
    probabilities, actual = outputs
    labels = ["a", "b", "c", "d", "e"]
    rollups = {"pairs": {"first": ["a", "b"], "rest": ["c", "d", "e"]}}
    measured = evaluation_measure(
        probabilities,
        actual,
        labels=labels,
        thresholds=np.full(5, 0.5),
        rollups=rollups,
        samples=20,
    )
    support = measured["rollups"]["pairs"]["groups"]["first"]["support"]
    assert support == int(actual[:, :2].any(axis=1).sum())


def test_a_group_of_unknown_labels_is_refused():
    with pytest.raises(ValueError, match="does not have: x"):
        group_members(["a"], {"g": ["a", "x"]})
