"""One model's figures on one labelled file, as plain values ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlops.evaluation import metrics
from mlops.evaluation.bootstrap import SAMPLES, f1_intervals
from mlops.evaluation.fitting import FULL_SUPPORT
from mlops.evaluation.metrics import BoolArray, FloatArray

# {taxonomy: {group: [labels]}}, for example Ekman's emotions.
Rollups = Mapping[str, Mapping[str, Sequence[str]]]


def evaluation_measure(
    probabilities: FloatArray,
    actual: BoolArray,
    *,
    labels: Sequence[str],
    thresholds: FloatArray,
    rollups: Rollups | None = None,
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """Every figure of an evaluation.

    Args:
        probabilities: calibrated, ``(texts, labels)``.
        actual: the truth, same shape.
        labels: names, in column order.
        thresholds: on the calibrated scale, ``(labels,)``.
        rollups: groups of labels to score as well; a group's probability is its likeliest label's.
        samples: bootstrap resamples behind the intervals.
    """
    return decisions_measure(
        probabilities,
        probabilities >= thresholds,
        actual,
        labels=labels,
        thresholds=thresholds,
        rollups=rollups,
        samples=samples,
    )


def decisions_measure(
    probabilities: FloatArray,
    predicted: BoolArray,
    actual: BoolArray,
    *,
    labels: Sequence[str],
    thresholds: FloatArray,
    rollups: Rollups | None = None,
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """As ``evaluation_measure``, for decisions that thresholds of several fits have made."""
    supported = actual.sum(axis=0) >= FULL_SUPPORT
    return {
        "texts": len(actual),
        "overall": _overall(probabilities, predicted, actual, supported),
        "intervals": f1_intervals(predicted, actual, supported=supported, samples=samples),
        "labels": _label_rows(probabilities, predicted, actual, labels, thresholds),
        "rollups": {
            name: rollup_measure(predicted, actual, labels=labels, groups=groups)
            for name, groups in (rollups or {}).items()
        },
        "reliability": metrics.reliability(probabilities, actual),
        "risk_coverage": metrics.risk_coverage(probabilities, actual),
        "confusion": confusion(probabilities, actual).tolist(),
    }


def rollup_measure(
    predicted: BoolArray,
    actual: BoolArray,
    *,
    labels: Sequence[str],
    groups: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """F1 by group, where a group is present if any of its labels is."""
    members = group_members(labels, groups)
    chosen = (predicted.astype(np.float32) @ members.T) > 0
    present = (actual.astype(np.float32) @ members.T) > 0
    return group_measure(chosen, present, list(groups))


def group_measure(predicted: BoolArray, actual: BoolArray, groups: Sequence[str]) -> dict[str, Any]:
    """F1 of decisions that are about groups already, ``(texts, groups)``."""
    per_group = metrics.f1_per_label(predicted, actual)
    return {
        "f1_macro": _rounded(per_group.mean()),
        "f1_micro": _rounded(metrics.f1_micro(predicted, actual)),
        "groups": {
            name: {"f1": _rounded(f1), "support": int(support)}
            for name, f1, support in zip(groups, per_group, actual.sum(axis=0), strict=True)
        },
    }


def group_members(labels: Sequence[str], groups: Mapping[str, Sequence[str]]) -> FloatArray:
    """1 where a label belongs to a group, ``(groups, labels)``.

    Raises:
        ValueError: naming the labels that the model does not have.
    """
    unknown = sorted({label for group in groups.values() for label in group} - set(labels))
    if unknown:
        raise ValueError(f"groups name labels that the model does not have: {', '.join(unknown)}")
    rows = [[float(label in group) for label in labels] for group in groups.values()]
    return np.array(rows, dtype=np.float32)


def confusion(probabilities: FloatArray, actual: BoolArray) -> FloatArray:
    """``(labels, labels)``: of the texts with the row's label, the share by dominant label."""
    dominant = np.zeros(actual.shape, dtype=np.float64)
    dominant[np.arange(len(actual)), probabilities.argmax(axis=1)] = 1.0
    counts = actual.astype(np.float64).T @ dominant
    result: FloatArray = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)).round(4)
    return result


def _overall(
    probabilities: FloatArray, predicted: BoolArray, actual: BoolArray, supported: BoolArray
) -> dict[str, float]:
    figures = {
        "f1_macro": metrics.f1_macro(predicted, actual),
        "f1_macro_supported": metrics.f1_macro(predicted[:, supported], actual[:, supported])
        if supported.any()
        else float("nan"),
        "f1_micro": metrics.f1_micro(predicted, actual),
        "f1_weighted": metrics.f1_weighted(predicted, actual),
        "mean_average_precision": float(
            np.nanmean(metrics.average_precision(probabilities, actual))
        ),
        "matthews_correlation": metrics.matthews_correlation(predicted, actual),
        "subset_accuracy": metrics.subset_accuracy(predicted, actual),
        "calibration_error": metrics.calibration_error(probabilities, actual),
        "brier_score": metrics.brier_score(probabilities, actual),
    }
    return {name: _rounded(value) for name, value in figures.items()}


def _label_rows(
    probabilities: FloatArray,
    predicted: BoolArray,
    actual: BoolArray,
    labels: Sequence[str],
    thresholds: FloatArray,
) -> list[dict[str, Any]]:
    columns = {
        "support": actual.sum(axis=0),
        "threshold": thresholds,
        "precision": metrics.precision_per_label(predicted, actual),
        "recall": metrics.recall_per_label(predicted, actual),
        "f1": metrics.f1_per_label(predicted, actual),
        "average_precision": metrics.average_precision(probabilities, actual),
        "calibration_error": metrics.calibration_error_per_label(probabilities, actual),
    }
    return [
        {"label": label, **{name: _rounded(column[i]) for name, column in columns.items()}}
        for i, label in enumerate(labels)
    ]


def _rounded(value: float) -> Any:
    """Four places; whole numbers stay whole; NaN, which JSON lacks, becomes None."""
    if isinstance(value, (int, np.integer)):
        return int(value)
    return None if np.isnan(value) else round(float(value), 4)
