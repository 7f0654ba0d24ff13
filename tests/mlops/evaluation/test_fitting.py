from __future__ import annotations

import numpy as np
import pytest

from mlops.evaluation.fitting import (
    Calibration,
    calibration_fit,
    cross_validate,
    held_out,
    thresholds_fit,
)
from mlops.evaluation.metrics import calibration_error, f1_macro, f1_micro


@pytest.fixture
def world():
    """True probabilities of three labels, the last rare, and outcomes drawn from them."""
    rng = np.random.default_rng(0)
    logits = rng.normal([-1.0, -2.0, -5.0], 2.0, size=(4000, 3))
    truth = 1 / (1 + np.exp(-logits))
    return truth, rng.random(truth.shape) < truth


def test_it_works(world):
    truth, actual = world
    distorted = Calibration(np.full(3, 2.0), np.full(3, 1.0)).apply(truth)
    calibration = calibration_fit(distorted, actual)
    assert calibration.scale == pytest.approx([0.5] * 3, abs=0.1)
    after = calibration_error(calibration.apply(distorted), actual)
    assert after < calibration_error(distorted, actual) / 3


def test_thresholds_are_close_to_the_best_ones(world):
    truth, actual = world
    fitted = f1_macro(truth >= thresholds_fit(truth), actual)
    best = max(
        f1_macro(truth >= np.array([a, b, c]), actual)
        for a in np.arange(0.2, 0.6, 0.05)
        for b in np.arange(0.2, 0.6, 0.05)
        for c in np.arange(0.1, 0.6, 0.05)
    )
    assert fitted > best - 0.02


def test_thresholds_lean_towards_the_one_that_suits_all_decisions_together(world):
    truth, actual = world
    fitted = thresholds_fit(truth)
    alone = np.array([thresholds_fit(truth[:, [label]])[0] for label in range(3)])
    assert fitted.max() - fitted.min() < alone.max() - alone.min()
    assert f1_micro(truth >= fitted, actual) > f1_micro(truth >= alone, actual)


def test_a_label_without_positives_keeps_a_usable_threshold(world):
    truth, actual = world
    actual[:, 2] = False
    calibration = calibration_fit(truth, actual)
    thresholds = thresholds_fit(calibration.apply(truth))
    assert np.isfinite(calibration.scale).all()
    assert (thresholds > 0).all()
    assert (thresholds < 1).all()


def test_calibration_never_turns_the_order_around(world):
    truth, actual = world
    calibration = calibration_fit(1 - truth, actual)
    assert (calibration.scale > 0).all()


def test_every_row_is_scored_by_a_fit_that_did_not_see_it():
    """Outcomes that nothing predicts: a fit that saw its rows would show skill."""
    rng = np.random.default_rng(2)
    probabilities = rng.random((300, 2))
    actual = rng.random((300, 2)) < 0.3
    calibrated, predicted = held_out(probabilities, actual, folds=5, rng=rng)
    assert not np.isnan(calibrated).any()
    assert abs(np.corrcoef(calibrated[:, 0], actual[:, 0])[0, 1]) < 0.2
    assert predicted.shape == actual.shape


def test_cross_validation_is_the_same_every_time(world):
    truth, actual = world
    assert cross_validate(truth, actual) == cross_validate(truth, actual)
