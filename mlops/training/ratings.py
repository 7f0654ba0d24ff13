"""A ridge map from a classifier's probabilities to continuous ratings (valence, arousal, ...)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.training.data import DataFormatError

Array = NDArray[np.float64]
# EmoBank's columns (Buechel & Hahn 2017) and what they rate.
DIMENSIONS = {"V": "valence", "A": "arousal", "D": "dominance"}
SPLITS = ("train", "dev", "test")
# Strengths that the dev split chooses from; features are probabilities, so 1 is already felt.
STRENGTHS = (0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class RatedTexts:
    """Texts with ratings ``(texts, dimensions)`` and the split that each belongs to."""

    texts: list[str]
    ratings: Array
    splits: list[str]

    def rows(self, split: str) -> NDArray[np.bool_]:
        """Which rows belong to *split*."""
        return np.array([each == split for each in self.splits])


@dataclass(frozen=True, slots=True)
class RidgeMap:
    """``ratings = probabilities @ weights + intercept``; weights are ``(labels, dimensions)``."""

    weights: Array
    intercept: Array

    def apply(self, probabilities: Array) -> Array:
        """Ratings ``(texts, dimensions)``."""
        result: Array = probabilities @ self.weights + self.intercept
        return result


def rated_texts_read(path: Path) -> RatedTexts:
    """Rows of a CSV file with the columns ``split``, ``V``, ``A``, ``D`` and ``text``.

    Raises:
        DataFormatError: naming the file and line, or the columns that are missing.
    """
    texts: list[str] = []
    ratings: list[list[float]] = []
    splits: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = sorted({"split", "text", *DIMENSIONS} - set(reader.fieldnames or ()))
            if missing:
                raise DataFormatError(f"{path}: columns missing: {', '.join(missing)}")
            for row in reader:
                ratings.append(_ratings(path, reader.line_num, row))
                texts.append(row["text"])
                splits.append(row["split"])
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}") from error
    lacking = [split for split in SPLITS if split not in splits]
    if lacking:
        raise DataFormatError(f"{path}: no rows of the split {', '.join(lacking)}")
    return RatedTexts(texts, np.array(ratings), splits)


def ratings_fit(data: RatedTexts, probabilities: Array, labels: Sequence[str]) -> dict[str, Any]:
    """The map fitted on the train split, its strength chosen on dev, with Pearson r on test.

    Args:
        data: texts, ratings and splits.
        probabilities: the classifier's, ``(texts, labels)``.
        labels: names, in column order.

    Returns:
        Plain values, ready to be written as JSON.
    """
    train, dev, test = (data.rows(split) for split in SPLITS)
    maps = [(ridge_fit(probabilities[train], data.ratings[train], s), s) for s in STRENGTHS]
    best, strength = max(
        maps, key=lambda pair: pearson(pair[0].apply(probabilities[dev]), data.ratings[dev]).mean()
    )
    figures = pearson(best.apply(probabilities[test]), data.ratings[test])
    names = list(DIMENSIONS.values())
    return {
        "scale": [1.0, 5.0],
        "strength": strength,
        "pearson_test": dict(zip(names, figures.round(4).tolist(), strict=True)),
        "rows": {split: int(data.rows(split).sum()) for split in SPLITS},
        "intercept": dict(zip(names, best.intercept.round(5).tolist(), strict=True)),
        "weights": {
            name: dict(zip(labels, best.weights[:, i].round(5).tolist(), strict=True))
            for i, name in enumerate(names)
        },
    }


def ridge_fit(features: Array, ratings: Array, strength: float) -> RidgeMap:
    """Least squares with an L2 penalty on the weights, none on the intercept (Hoerl 1970)."""
    centre, mean = features.mean(axis=0), ratings.mean(axis=0)
    centred = features - centre
    penalty = strength * np.eye(features.shape[1])
    weights = np.linalg.solve(centred.T @ centred + penalty, centred.T @ (ratings - mean))
    return RidgeMap(weights=weights, intercept=mean - centre @ weights)


def pearson(predicted: Array, actual: Array) -> Array:
    """Pearson's r of each column, ``(dimensions,)``."""
    first, second = predicted - predicted.mean(axis=0), actual - actual.mean(axis=0)
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    result: Array = (first * second).sum(axis=0) / np.maximum(spread, 1e-12)
    return result


def _ratings(path: Path, line: int, row: dict[str, str]) -> list[float]:
    try:
        return [float(row[column]) for column in DIMENSIONS]
    except (TypeError, ValueError) as error:
        raise DataFormatError(
            f"{path}:{line}: columns {', '.join(DIMENSIONS)} must hold numbers"
        ) from error
