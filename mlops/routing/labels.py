"""Answers of one label set in the words of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
# Over every probability: a label that the model does not know is never given.
_NEVER = np.float32(2.0)


class LabelMapError(ValueError):
    """A label map that does not fit the two label sets."""


@dataclass(frozen=True, slots=True)
class LabelMap:
    """``columns[i]`` is the model's column of target label i, or -1 where it has none."""

    labels: tuple[str, ...]
    columns: tuple[int, ...]

    @classmethod
    def of(
        cls, mapping: Mapping[str, str | None], *, source: Sequence[str], target: Sequence[str]
    ) -> LabelMap:
        """The map from *source* labels to *target* labels; None drops a label.

        Raises:
            LabelMapError: naming the labels that are unknown, missing or meant twice.
        """
        unknown = sorted(set(mapping) - set(source))
        missing = sorted(set(source) - set(mapping))
        aims = [aim for aim in mapping.values() if aim is not None]
        strange = sorted(set(aims) - set(target))
        twice = sorted({aim for aim in aims if aims.count(aim) > 1})
        problems = [
            f"{words}: {', '.join(names)}"
            for words, names in (
                ("not labels of the arm's version", unknown),
                ("labels of the arm's version without an entry", missing),
                ("not labels of the champion", strange),
                ("given by more than one label", twice),
            )
            if names
        ]
        if problems:
            raise LabelMapError("; ".join(problems))
        place = {aim: list(source).index(name) for name, aim in mapping.items() if aim}
        return cls(tuple(target), tuple(place.get(label, -1) for label in target))

    def scores(self, probabilities: FloatArray) -> FloatArray:
        """Rows over the target labels; 0 where the model has no such label."""
        zero = np.zeros((*probabilities.shape[:-1], 1), dtype=np.float32)
        # Column -1 is the zero at the end.
        result: FloatArray = np.concatenate([probabilities, zero], axis=-1)[..., self.columns]
        return result

    def thresholds(self, thresholds: FloatArray) -> FloatArray:
        """Thresholds over the target labels; unreachable where the model has no such label."""
        result: FloatArray = np.append(thresholds, _NEVER)[list(self.columns)]
        return result
