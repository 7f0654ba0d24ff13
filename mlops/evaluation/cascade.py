"""A cascade offline: a small model answers where it is sure, a full one where it is not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from mlops.evaluation.fitting import fitted, folds_split
from mlops.evaluation.metrics import BoolArray, FloatArray, f1_macro, f1_micro
from mlops.inference.cascade import doubt
from mlops.inference.classifier import Classifier

# Shares of the texts that the full model is asked for; none and all are the two models alone.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
FOLDS, REPEATS = 5, 5


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's raw probabilities ``(texts, labels)``, and the seconds that each text took."""

    probabilities: FloatArray
    seconds: FloatArray


@dataclass(frozen=True, slots=True)
class Point:
    """A cascade whose bound was set for the share ``wanted`` on texts that it is not scored on.

    ``cost`` is the mean time of a text, the full model's alone being 1.
    """

    wanted: float
    escalated: float
    f1_macro: float
    f1_micro: float
    cost: float

    def as_dict(self) -> dict[str, float]:
        """The figures by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def answers_timed(
    small: Classifier, full: Classifier, texts: Sequence[str]
) -> tuple[Answers, Answers]:
    """Both models' answers to each text by itself, in turn, so that a busy machine slows both."""
    for classifier in (small, full):
        classifier.predict(texts[:10])
    pairs = [(_timed(small, text), _timed(full, text)) for text in texts]
    first, second = (
        Answers(
            np.stack([pair[side][0] for pair in pairs]).astype(np.float64),
            np.array([pair[side][1] for pair in pairs]),
        )
        for side in (0, 1)
    )
    return first, second


def cascade_curve(small: Answers, full: Answers, actual: BoolArray) -> list[Point]:
    """Quality and cost for each of ``SHARES``, cross-validated: means of ``REPEATS`` rounds.

    Calibration, thresholds and the bound are fitted on all folds but one and used on that one.
    """
    rng = np.random.default_rng(0)
    rounds = [_round(small, full, actual, rng) for _ in range(REPEATS)]
    means = np.mean(rounds, axis=0)
    return [Point(share, *map(float, row)) for share, row in zip(SHARES, means, strict=True)]


def _round(
    small: Answers, full: Answers, actual: BoolArray, rng: np.random.Generator
) -> list[list[float]]:
    predicted = np.zeros((len(SHARES), *actual.shape), dtype=bool)
    escalated = np.zeros((len(SHARES), len(actual)), dtype=bool)
    for fit, score in folds_split(len(actual), FOLDS, rng):
        first, alone = fitted(small.probabilities, actual, fit)
        # As it is served: a cascade has one set of thresholds, those of its full model.
        second, thresholds = fitted(full.probabilities, actual, fit)
        doubts, handed = doubt(first, thresholds), second[score] >= thresholds
        for index, share in enumerate(SHARES):
            asked = _over(doubts, fit, share)[score]
            escalated[index, score] = asked
            own = first[score] >= (thresholds if share else alone)
            predicted[index, score] = np.where(asked[:, None], handed, own)
    return [_figures(*each, small, full, actual) for each in zip(predicted, escalated, strict=True)]


def _over(doubts: FloatArray, fit: NDArray[np.int64], share: float) -> BoolArray:
    """Which texts are over the bound that a *share* of those in *fit* are over."""
    if share in (0, 1):
        return np.full(len(doubts), bool(share))
    result: BoolArray = doubts > np.quantile(doubts[fit], 1 - share)
    return result


def _figures(
    predicted: BoolArray, escalated: BoolArray, small: Answers, full: Answers, actual: BoolArray
) -> list[float]:
    # All of them go to the full model: nobody would ask the small one first.
    asked_first = 0.0 if escalated.all() else small.seconds.mean()
    cost = (asked_first + (full.seconds * escalated).mean()) / full.seconds.mean()
    return [
        float(escalated.mean()),
        f1_macro(predicted, actual),
        f1_micro(predicted, actual),
        float(cost),
    ]


def _timed(classifier: Classifier, text: str) -> tuple[NDArray[np.float32], float]:
    started = time.perf_counter()
    probabilities = classifier.predict([text])[0]
    return probabilities, time.perf_counter() - started
