"""What the labels mean: GoEmotions and its groupings (Demszky et al. 2020, arXiv 2005.00547)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Taxonomy = Literal["goemotions", "ekman", "sentiment"]
TAXONOMIES: tuple[Taxonomy, ...] = get_args(Taxonomy)

POSITIVE = (
    *("admiration", "amusement", "approval", "caring", "desire", "excitement"),
    *("gratitude", "joy", "love", "optimism", "pride", "relief"),
)
NEGATIVE = (
    *("anger", "annoyance", "disappointment", "disapproval", "disgust", "embarrassment"),
    *("fear", "grief", "nervousness", "remorse", "sadness"),
)
AMBIGUOUS = ("confusion", "curiosity", "realization", "surprise")
NEUTRAL = "neutral"

EKMAN: Mapping[str, Sequence[str]] = {
    "anger": ("anger", "annoyance", "disapproval"),
    "disgust": ("disgust",),
    "fear": ("fear", "nervousness"),
    "joy": POSITIVE,
    "sadness": ("disappointment", "embarrassment", "grief", "remorse", "sadness"),
    "surprise": AMBIGUOUS,
    NEUTRAL: (NEUTRAL,),
}
SENTIMENT: Mapping[str, Sequence[str]] = {
    "positive": POSITIVE,
    "negative": NEGATIVE,
    "ambiguous": AMBIGUOUS,
    NEUTRAL: (NEUTRAL,),
}
GROUPS: Mapping[Taxonomy, Mapping[str, Sequence[str]]] = {"ekman": EKMAN, "sentiment": SENTIMENT}


@dataclass(frozen=True)
class View:
    """One taxonomy over a model's labels: names, and for each the columns that belong to it.

    Without ``columns`` the names are the labels themselves.
    """

    names: tuple[str, ...]
    columns: tuple[NDArray[np.intp], ...] = ()

    def scores(self, probabilities: FloatArray) -> FloatArray:
        """Probability of each name, ``(texts, names)``: that of its strongest label.

        The strongest label is a lower bound of "any of them" that needs no assumption on how
        labels occur together; adding them up would count one feeling under two names twice.
        """
        if not self.columns:
            return probabilities
        return np.stack([probabilities[:, part].max(axis=1) for part in self.columns], axis=1)

    def scores_of(self, probabilities: Sequence[float]) -> Sequence[float]:
        """As ``scores`` for a single row."""
        if not self.columns:
            return probabilities
        return [max([probabilities[i] for i in part]) for part in self._indices]

    @cached_property
    def _indices(self) -> list[list[int]]:
        return [part.tolist() for part in self.columns]

    def thresholds(self, thresholds: FloatArray) -> FloatArray:
        """The threshold of each name: the lowest of its labels'."""
        if not self.columns:
            return thresholds
        return np.array([thresholds[part].min() for part in self.columns], dtype=np.float32)


def view_of(taxonomy: Taxonomy, labels: Sequence[str]) -> View:
    """*taxonomy* over *labels*; names of which the model has no label are left out.

    ``goemotions`` is the identity, whatever the model's labels are.
    """
    if taxonomy == "goemotions":
        return View(tuple(labels))
    index = {label: column for column, label in enumerate(labels)}
    groups = {
        name: np.array([index[label] for label in members if label in index], dtype=np.intp)
        for name, members in GROUPS[taxonomy].items()
    }
    present = {name: columns for name, columns in groups.items() if len(columns)}
    return View(tuple(present), tuple(present.values()))
