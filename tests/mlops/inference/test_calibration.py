"""Calibration: straight from logits as by way of the probabilities that they stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlops.inference.calibration import Calibrator, activate
from mlops.inference.manifest import manifest_read


@pytest.fixture
def manifest(version_folder_int8):
    return manifest_read(version_folder_int8)


def logits(manifest):
    return np.linspace(-12, 9, 3 * len(manifest.labels), dtype=np.float32).reshape(3, -1)


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_it_works(manifest, activation):
    calibrator, rows = Calibrator(replace(manifest, activation=activation)), logits(manifest)
    assert manifest.calibration
    expected = calibrator.apply(activate(rows, activation))
    np.testing.assert_allclose(calibrator.from_logits(rows), expected, atol=1e-6)


def test_without_a_calibration_it_is_what_the_model_said(manifest):
    calibrator, rows = Calibrator(replace(manifest, calibration=None)), logits(manifest)
    np.testing.assert_array_equal(calibrator.from_logits(rows), activate(rows, "sigmoid"))


def test_what_is_nearly_certain_stays_finite(manifest):
    extreme = np.full((1, len(manifest.labels)), 1e4, dtype=np.float32)
    for rows in (extreme, -extreme):
        assert np.isfinite(Calibrator(manifest).from_logits(rows)).all()
