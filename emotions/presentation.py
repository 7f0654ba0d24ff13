"""From probabilities to what a caller reads. Touches neither model nor cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotions.taxonomy import Taxonomy, View, view_of

FloatArray = NDArray[np.float32]
# More digits than the calibration can mean would only make answers longer.
DIGITS = 4
_SCALE = 10.0**DIGITS


@dataclass(frozen=True, slots=True)
class Presented:
    """One text's emotions in one taxonomy.

    ``labels`` are those over their threshold, strongest first. ``dominant`` is the strongest of
    them, or, where there is none, the strongest of all with ``low_confidence`` set.
    ``valence`` is P(positive) - P(negative), in [-1, 1]; None for a model without such labels.
    """

    labels: list[tuple[str, float]]
    scores: dict[str, float]
    dominant: tuple[str, float]
    low_confidence: bool
    valence: float | None

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of the API."""
        return {
            "labels": [{"label": label, "score": score} for label, score in self.labels],
            "scores": self.scores,
            "dominant": {"label": self.dominant[0], "score": self.dominant[1]},
            "low_confidence": self.low_confidence,
            "valence": self.valence,
        }


class Presenter:
    """Presents rows of one model's calibrated probabilities."""

    def __init__(
        self,
        labels: Sequence[str],
        thresholds: FloatArray,
        *,
        taxonomy: Taxonomy = "goemotions",
        threshold: float | None = None,
        top_k: int | None = None,
    ) -> None:
        names = tuple(labels)
        self._view = _view(taxonomy, names)
        self._sentiment = _view("sentiment", names)
        self._top_k = top_k
        self._thresholds = self._view.thresholds(thresholds)
        if threshold is not None:
            self._thresholds = np.full_like(self._thresholds, threshold)
        self._limits: list[float] = self._thresholds.tolist()
        self._poles = _poles(self._sentiment.names)

    def present(self, probabilities: FloatArray) -> list[Presented]:
        """One ``Presented`` for each row of ``(texts, labels)``."""
        if len(probabilities) < 2:
            return [self._single(row.tolist()) for row in probabilities]
        scores = self._view.scores(probabilities)
        # All rows at once: numpy's calls cost more than their work on a single one.
        columns = (
            np.argsort(-scores, axis=1, kind="stable").tolist(),
            (scores >= self._thresholds).tolist(),
            np.round(scores.astype(np.float64), DIGITS).tolist(),
            self._valences(probabilities),
        )
        return [self._row(*row) for row in zip(*columns, strict=True)]

    def _single(self, probabilities: list[float]) -> Presented:
        """One row in plain Python, to the digit as the arrays have it: a third of their cost."""
        scores = self._view.scores_of(probabilities)
        # Reversed, equals stay in their order.
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        over = [score >= limit for score, limit in zip(scores, self._limits, strict=True)]
        valence = None
        if self._poles:
            positive, negative = self._poles
            groups = self._sentiment.scores_of(probabilities)
            valence = _rounded([groups[positive] - groups[negative]])[0]
        return self._row(order, over, _rounded(scores), valence)

    def _row(
        self, order: list[int], over: list[bool], rounded: list[float], valence: float | None
    ) -> Presented:
        """One row, as lists over the names; *order* has the strongest first."""
        names = self._view.names
        labels = [(names[i], rounded[i]) for i in order if over[i]]
        shown = order[: self._top_k] if self._top_k else range(len(names))
        return Presented(
            labels=labels,
            scores={names[i]: rounded[i] for i in shown},
            dominant=labels[0] if labels else (names[order[0]], rounded[order[0]]),
            low_confidence=not labels,
            valence=valence,
        )

    def _valences(self, probabilities: FloatArray) -> list[float | None]:
        if self._poles is None:
            return [None] * len(probabilities)
        positive, negative = self._poles
        scores = self._sentiment.scores(probabilities).astype(np.float64)
        difference = scores[:, positive] - scores[:, negative]
        result: list[float | None] = np.round(difference, DIGITS).tolist()
        return result


def _rounded(values: Sequence[float]) -> list[float]:
    """As numpy rounds: scaled to a whole number and back."""
    return [round(value * _SCALE) / _SCALE for value in values]


def _poles(names: Sequence[str]) -> tuple[int, int] | None:
    if "positive" not in names or "negative" not in names:
        return None
    return names.index("positive"), names.index("negative")


@lru_cache(maxsize=32)
def _view(taxonomy: Taxonomy, labels: tuple[str, ...]) -> View:
    return view_of(taxonomy, labels)
