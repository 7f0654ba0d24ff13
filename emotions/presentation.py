"""From probabilities to what a caller reads. Touches neither model nor cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import compress
from operator import ge, itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotions.taxonomy import Taxonomy, View, view_of
from mlops.inference.calibration import row_floats, rows_unpack

FloatArray = NDArray[np.float32]
# More digits than the calibration can mean would only make answers longer.
DIGITS = 4
_SCALE = 10.0**DIGITS
# Where floats lie one apart: adding it rounds to a whole number, halves to the even one.
_WHOLE = 1.5 * 2.0**52


class Presentation(NamedTuple):
    """How a caller wants the answer."""

    taxonomy: Taxonomy = "goemotions"
    granularity: str = "document"
    threshold: float | None = None
    top_k: int | None = None


class Presented(NamedTuple):
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
        self._top_k = top_k
        self._thresholds = self._view.thresholds(thresholds)
        if threshold is not None:
            self._thresholds = np.full_like(self._thresholds, threshold)
        self._limits: list[float] = self._thresholds.tolist()
        self._poles = _poles(_view("sentiment", names))
        # The first twice: of a single column alone there would be no tuple.
        self._of_poles = [itemgetter(*pole, pole[0]) for pole in self._poles or ()]

    def present_packed(self, rows: Sequence[bytes]) -> list[Presented]:
        """As ``present``, for packed rows."""
        if len(rows) < 2:
            return [self._single(row_floats(row)) for row in rows]
        return self.present(rows_unpack(rows))

    def present(self, probabilities: FloatArray) -> list[Presented]:
        """One ``Presented`` for each row of ``(texts, labels)``."""
        scores = self._view.scores(probabilities)
        # All rows at once: numpy's calls cost more than their work on a single one.
        order = np.argsort(-scores, axis=1, kind="stable")
        columns = (
            order.tolist(),
            np.take_along_axis(scores >= self._thresholds, order, axis=1).tolist(),
            np.round(scores.astype(np.float64), DIGITS).tolist(),
            self._valences(probabilities),
        )
        return [
            self._row(list(compress(ranks, over)), ranks, rounded, valence)
            for ranks, over, rounded, valence in zip(*columns, strict=True)
        ]

    def _single(self, probabilities: Sequence[float]) -> Presented:
        """One row in plain Python, to the digit as the arrays have it: a third of their cost."""
        scores = self._view.scores_of(probabilities)
        over = [*compress(range(len(scores)), map(ge, scores, self._limits))]
        # Reversed, equals stay in their order. Often the strongest is all that is asked for.
        over.sort(key=scores.__getitem__, reverse=True)
        ranks = over
        if self._top_k or not over:
            ranks = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)
        return self._row(over, ranks, _rounded(scores), self._valence(probabilities))

    def _row(
        self, over: list[int], ranks: list[int], rounded: list[float], valence: float | None
    ) -> Presented:
        """One row; *over* and *ranks* are columns, the strongest first."""
        names = self._view.names
        labels = [(names[i], rounded[i]) for i in over]
        if self._top_k:
            scores = {names[i]: rounded[i] for i in ranks[: self._top_k]}
        else:
            scores = dict(zip(names, rounded, strict=True))
        return Presented(
            labels=labels,
            scores=scores,
            dominant=labels[0] if labels else (names[ranks[0]], rounded[ranks[0]]),
            low_confidence=not labels,
            valence=valence,
        )

    def _valence(self, probabilities: Sequence[float]) -> float | None:
        """As ``_valences`` for a single row."""
        if not self._of_poles:
            return None
        positive, negative = self._of_poles
        return _rounded([max(positive(probabilities)) - max(negative(probabilities))])[0]

    def _valences(self, probabilities: FloatArray) -> list[float | None]:
        if self._poles is None:
            return [None] * len(probabilities)
        positive, negative = (
            probabilities[:, pole].max(axis=1).astype(np.float64) for pole in self._poles
        )
        result: list[float | None] = np.round(positive - negative, DIGITS).tolist()
        return result


def presenters(
    labels: tuple[str, ...], thresholds: FloatArray
) -> Callable[[Presentation], Presenter]:
    """What gives the presenter of one model's answers for each way to present them.

    A function for each model: hashing the names of 28 labels to find it would take longer.
    """

    @lru_cache(maxsize=64)
    def presenter(wanted: Presentation) -> Presenter:
        return Presenter(
            labels,
            thresholds,
            taxonomy=wanted.taxonomy,
            threshold=wanted.threshold,
            top_k=wanted.top_k,
        )

    return presenter


def _rounded(values: Sequence[float]) -> list[float]:
    """As numpy rounds: scaled to a whole number and back. Without a call, in half the time."""
    return [(value * _SCALE + _WHOLE - _WHOLE) / _SCALE for value in values]


def _poles(sentiment: View) -> tuple[list[int], list[int]] | None:
    """The labels that are positive, and those that are negative."""
    groups = dict(zip(sentiment.names, sentiment.columns, strict=True))
    if "positive" not in groups or "negative" not in groups:
        return None
    return groups["positive"].tolist(), groups["negative"].tolist()


@lru_cache(maxsize=32)
def _view(taxonomy: Taxonomy, labels: tuple[str, ...]) -> View:
    return view_of(taxonomy, labels)
