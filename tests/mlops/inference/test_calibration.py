"""Calibration: straight from logits as by way of the probabilities that they stand for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlops.inference.calibration import Calibrator, activate, row_floats, rows_pack, rows_unpack
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


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
@pytest.mark.parametrize("calibrated", [True, False])
def test_a_row_alone_is_calibrated_as_among_others(manifest, activation, calibrated):
    kept = manifest.calibration if calibrated else None
    calibrator = Calibrator(replace(manifest, activation=activation, calibration=kept))
    rows = logits(manifest)
    alone = rows_unpack([calibrator.row(row.tolist()) for row in rows])
    if activation == "softmax":  # which is of all labels together
        expected = np.concatenate([calibrator.from_logits(row[None]) for row in rows])
    else:
        expected = calibrator.from_logits(rows)
    np.testing.assert_allclose(alone, expected, atol=1e-6)


def test_packed_rows_are_what_they_were():
    rows = np.random.default_rng(1).random((3, 28), dtype=np.float32)
    packed = rows_pack(rows)
    np.testing.assert_array_equal(rows_unpack(packed), rows)
    assert row_floats(packed[1]) == tuple(rows[1].tolist())
