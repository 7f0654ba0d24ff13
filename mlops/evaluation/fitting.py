"""Fitting of per-label calibration and thresholds on held-out outputs, and its cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops.evaluation.metrics import BoolArray, FloatArray, calibration_error, f1_macro, f1_micro

# Labels with fewer positive rows are left out of the "supported" mean: their F1 is mostly noise.
FULL_SUPPORT = 30
# Strength of the pull towards "leave the logit alone"; in units of pseudo-observations.
CALIBRATION_PRIOR = 10.0
# How far each label's threshold goes towards the one that is best for all decisions together. On
# dev this much gives micro-F1 seven thousandths and takes nothing from macro-F1; more takes.
SHARED_PULL = 0.3
_NEWTON_STEPS = 25
_TOLERANCE = 1e-6
_IDENTITY = np.array([1.0, 0.0])


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per-label maps ``sigmoid(scale * logit + shift)``, arrays of shape ``(labels,)``."""

    scale: FloatArray
    shift: FloatArray

    def apply(self, probabilities: FloatArray) -> FloatArray:
        """Calibrated probabilities of the same shape."""
        return _sigmoid(self.scale * logit(probabilities) + self.shift)


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Scores on rows that neither calibration nor thresholds had seen."""

    f1_macro: float
    f1_macro_supported: float
    f1_micro: float
    calibration_error: float

    def as_dict(self) -> dict[str, float]:
        """The figures by name, rounded to four places."""
        return {name: round(float(getattr(self, name)), 4) for name in self.__slots__}


def calibration_fit(probabilities: FloatArray, actual: BoolArray) -> Calibration:
    """Platt scaling per label (Platt 1999) with a Gaussian prior at the identity.

    Args:
        probabilities: raw model probabilities ``(texts, labels)`` in (0, 1).
        actual: the true labels, same shape.
    """
    logits = logit(probabilities)
    maps = [_platt(logits[:, i], actual[:, i].astype(np.float64)) for i in range(logits.shape[1])]
    scale, shift = np.array(maps).T
    return Calibration(scale=scale, shift=shift)


def thresholds_fit(probabilities: FloatArray) -> FloatArray:
    """A threshold per label for the best expected F1, pulled towards the shared one, ``(labels,)``.

    For calibrated probabilities the best threshold is half of the F1 that it reaches (Lipton,
    Elkan & Naryanaswamy 2014, arXiv 1402.1892). Expectations over all rows vary far less than
    counts of a rare label's few positives: with 15 of them, counting is mostly noise. The shared
    threshold is the same rule over all labels' decisions, hence for micro-F1.

    Args:
        probabilities: calibrated, ``(texts, labels)``.
    """
    own = _half_expected_f1(probabilities)
    shared = _half_expected_f1(probabilities.reshape(-1, 1))
    return own + SHARED_PULL * (shared - own)


def _half_expected_f1(probabilities: FloatArray) -> FloatArray:
    """Half of the highest expected F1 of each column."""
    ordered = -np.sort(-probabilities.astype(np.float64), axis=0)
    chosen = np.arange(1, len(ordered) + 1)[:, None]
    expected = 2 * np.cumsum(ordered, axis=0) / (chosen + ordered.sum(axis=0))
    result: FloatArray = expected.max(axis=0) / 2
    return result


def cross_validate(
    probabilities: FloatArray, actual: BoolArray, *, folds: int = 5, repeats: int = 5, seed: int = 0
) -> CrossValidated:
    """Mean over *repeats* of: fit on all folds but one, score the pooled held-out rows."""
    rng = np.random.default_rng(seed)
    rounds = [
        _scores(*held_out(probabilities, actual, folds=folds, rng=rng), actual)
        for _ in range(repeats)
    ]
    return CrossValidated(*(float(value) for value in np.mean(rounds, axis=0)))


def held_out(
    probabilities: FloatArray, actual: BoolArray, *, folds: int, rng: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    """Calibrated probabilities and decisions, each row's by a fit that did not see it."""
    calibrated = np.zeros(probabilities.shape, dtype=np.float64)
    predicted = np.zeros_like(actual)
    for fit, score in folds_split(len(actual), folds, rng):
        every, thresholds = fitted(probabilities, actual, fit)
        calibrated[score], predicted[score] = every[score], every[score] >= thresholds
    return calibrated, predicted


def fitted(
    probabilities: FloatArray, actual: BoolArray, rows: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Calibrated probabilities of all rows, and thresholds, by a fit on *rows* alone."""
    calibration = calibration_fit(probabilities[rows], actual[rows])
    calibrated = calibration.apply(probabilities)
    return calibrated, thresholds_fit(calibrated[rows])


def _scores(
    calibrated: FloatArray, predicted: BoolArray, actual: BoolArray
) -> tuple[float, float, float, float]:
    supported = actual.sum(axis=0) >= FULL_SUPPORT
    return (
        f1_macro(predicted, actual),
        f1_macro(predicted[:, supported], actual[:, supported]) if supported.any() else 0.0,
        f1_micro(predicted, actual),
        calibration_error(calibrated, actual),
    )


def folds_split(
    rows: int, folds: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each fold, the rows to fit on and those to score."""
    parts = np.array_split(rng.permutation(rows), folds)
    for index, score in enumerate(parts):
        yield np.concatenate(parts[:index] + parts[index + 1 :]), score


def _platt(logits: FloatArray, target: FloatArray) -> tuple[float, float]:
    """Newton's method with step halving: a full step can overshoot on separable labels."""
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    parameters = _IDENTITY
    loss = _penalised_loss(design, target, parameters)
    for _ in range(_NEWTON_STEPS):
        step = _newton_step(design, target, parameters)
        while (new := _penalised_loss(design, target, parameters - step)) > loss:
            step = step / 2
            if np.abs(step).max() < _TOLERANCE:
                break
        if np.abs(step).max() < _TOLERANCE:
            break
        parameters, loss = parameters - step, new
    # A negative slope would reverse the model's order; keep the identity for such a label.
    scale, shift = parameters if parameters[0] > 0 else _IDENTITY
    return float(scale), float(shift)


def _newton_step(design: FloatArray, target: FloatArray, parameters: FloatArray) -> FloatArray:
    predicted = _sigmoid(design @ parameters)
    gradient = design.T @ (predicted - target) + CALIBRATION_PRIOR * (parameters - _IDENTITY)
    curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design
    step: FloatArray = np.linalg.solve(curvature + CALIBRATION_PRIOR * np.eye(2), gradient)
    return step


def _penalised_loss(design: FloatArray, target: FloatArray, parameters: FloatArray) -> float:
    logits = design @ parameters
    penalty = CALIBRATION_PRIOR / 2 * np.square(parameters - _IDENTITY).sum()
    return float((np.logaddexp(0, logits) - target * logits).sum() + penalty)


def logit(probabilities: FloatArray) -> FloatArray:
    """Log odds; probabilities of 0 and 1 give finite ones."""
    clipped = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    result: FloatArray = np.log(clipped / (1 - clipped))
    return result


def _sigmoid(values: FloatArray) -> FloatArray:
    result: FloatArray = 0.5 * (np.tanh(0.5 * values) + 1.0)
    return result
