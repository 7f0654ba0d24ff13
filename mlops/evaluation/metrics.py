"""Multi-label metrics on arrays. Shapes: probabilities and targets are ``(texts, labels)``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]


def f1_from_counts(
    true_positive: FloatArray, predicted: FloatArray, actual: FloatArray
) -> FloatArray:
    """F1 from counts of any one shape; 0 where a label is neither predicted nor present."""
    total = np.asarray(predicted + actual, dtype=np.float64)
    zero = np.zeros(np.shape(total))
    result: FloatArray = np.divide(2.0 * true_positive, total, out=zero, where=total > 0)
    return result


def f1_per_label(predicted: BoolArray, actual: BoolArray) -> FloatArray:
    """F1 of each label; 0 where a label is neither predicted nor present."""
    both = (predicted & actual).sum(axis=0).astype(np.float64)
    return f1_from_counts(both, predicted.sum(axis=0), actual.sum(axis=0))


def f1_macro(predicted: BoolArray, actual: BoolArray) -> float:
    """Unweighted mean of the labels' F1."""
    return float(f1_per_label(predicted, actual).mean())


def f1_micro(predicted: BoolArray, actual: BoolArray) -> float:
    """F1 of all (text, label) decisions pooled."""
    total = predicted.sum() + actual.sum()
    return float(2 * (predicted & actual).sum() / total) if total else 0.0


def f1_weighted(predicted: BoolArray, actual: BoolArray) -> float:
    """Mean of the labels' F1, weighted by how often each is present."""
    support = actual.sum(axis=0)
    return float(np.average(f1_per_label(predicted, actual), weights=support + 1e-12))


def precision_per_label(predicted: BoolArray, actual: BoolArray) -> FloatArray:
    """Share of each label's predictions that are right; 0 without predictions."""
    result: FloatArray = (predicted & actual).sum(axis=0) / np.maximum(predicted.sum(axis=0), 1)
    return result


def recall_per_label(predicted: BoolArray, actual: BoolArray) -> FloatArray:
    """Share of each label's occurrences that are found; 0 without occurrences."""
    return precision_per_label(actual, predicted)


def average_precision(probabilities: FloatArray, actual: BoolArray) -> FloatArray:
    """Area under each label's precision-recall steps; NaN for a label that never occurs.

    Ties are taken in file order; probabilities of a network hardly ever tie.
    """
    order = np.argsort(-probabilities, axis=0, kind="stable")
    hits = np.take_along_axis(actual, order, axis=0)
    precision = np.cumsum(hits, axis=0) / np.arange(1, len(hits) + 1)[:, None]
    support = hits.sum(axis=0)
    missing = np.full(support.shape, np.nan)
    found = (precision * hits).sum(axis=0)
    result: FloatArray = np.divide(found, support, out=missing, where=support > 0)
    return result


def matthews_correlation(predicted: BoolArray, actual: BoolArray) -> float:
    """Matthews correlation of all (text, label) decisions pooled (Matthews 1975)."""
    if predicted.all() or actual.all() or not predicted.any() or not actual.any():
        return 0.0
    return float(np.corrcoef(predicted.ravel(), actual.ravel())[0, 1])


def subset_accuracy(predicted: BoolArray, actual: BoolArray) -> float:
    """Share of texts whose set of labels is exactly right."""
    return float((predicted == actual).all(axis=1).mean())


def brier_score(probabilities: FloatArray, actual: BoolArray) -> float:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return float(np.square(probabilities - actual).mean())


def calibration_error(probabilities: FloatArray, actual: BoolArray, bins: int = 15) -> float:
    """Expected calibration error over equal-mass bins, averaged over the labels.

    Nguyen & O'Connor 2015 (arXiv 1508.05154): equal-mass bins do not leave most bins empty as
    equal-width ones do when most probabilities are near 0.
    """
    return float(np.mean(calibration_error_per_label(probabilities, actual, bins)))


def calibration_error_per_label(
    probabilities: FloatArray, actual: BoolArray, bins: int = 15
) -> FloatArray:
    """The expected calibration error of each label."""
    errors = [
        sum(abs(scores - outcomes) * rows for scores, outcomes, rows in _bins(p, y, bins)) / len(p)
        for p, y in zip(probabilities.T, actual.T, strict=True)
    ]
    return np.array(errors)


def reliability(
    probabilities: FloatArray, actual: BoolArray, bins: int = 15
) -> list[tuple[float, float, int]]:
    """``(mean probability, share present, decisions)`` per equal-mass bin, all labels pooled."""
    return _bins(probabilities.ravel(), actual.ravel(), bins)


def risk_coverage(
    probabilities: FloatArray, actual: BoolArray, points: int = 20
) -> list[tuple[float, float]]:
    """``(coverage, risk)``: the share of wrong dominant labels among the most confident texts.

    Selective classification (Geifman & El-Yaniv 2017, arXiv 1705.08500), by the dominant
    label's probability.
    """
    dominant = probabilities.argmax(axis=1)
    wrong = ~actual[np.arange(len(actual)), dominant]
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    risks = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    counts = np.linspace(len(order) / points, len(order), points).round().astype(int)
    return [(float(n / len(order)), float(risks[n - 1])) for n in counts if n > 0]


def _bins(scores: FloatArray, actual: BoolArray, bins: int) -> list[tuple[float, float, int]]:
    order = np.argsort(scores, kind="stable")
    return [
        (float(scores[part].mean()), float(actual[part].mean()), len(part))
        for part in np.array_split(order, bins)
        if len(part)
    ]
