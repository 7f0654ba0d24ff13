"""A model and a data set rarely have the same labels: what they share is what is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlops.evaluation.metrics import BoolArray
from mlops.training.data import DataFormatError

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scored:
    """Probabilities, decisions and truth of the same rows and labels, ``(texts, labels)``."""

    labels: list[str]
    probabilities: FloatArray
    predicted: BoolArray
    actual: BoolArray

    def save(self, path: Path) -> None:
        """Keep it: half precision moves no probability by more than 0.0003."""
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                labels=np.array(self.labels),
                probabilities=self.probabilities.astype(np.float16),
                predicted=self.predicted,
                actual=self.actual,
            )

    @classmethod
    def load(cls, path: Path) -> Scored:
        """What ``save`` kept."""
        with np.load(path, allow_pickle=False) as values:
            return cls(
                [str(label) for label in values["labels"]],
                values["probabilities"].astype(np.float32),
                values["predicted"],
                values["actual"],
            )

    def columns(self, labels: Sequence[str]) -> Scored:
        """The same rows, for *labels* only, in their order."""
        index = [self.labels.index(label) for label in labels]
        return Scored(
            list(labels),
            self.probabilities[:, index],
            self.predicted[:, index],
            self.actual[:, index],
        )


@dataclass(frozen=True, slots=True)
class Alignment:
    """For each shared label, the columns of the model and those of the data that mean it."""

    labels: list[str]
    model: list[list[int]]
    data: list[list[int]]
    model_only: list[str]
    data_only: list[str]

    def scored(
        self, probabilities: FloatArray, thresholds: FloatArray, actual: BoolArray
    ) -> Scored:
        """Of several columns that mean one label the likeliest counts, and any is enough."""
        over = probabilities >= thresholds
        return Scored(
            self.labels,
            np.stack([probabilities[:, part].max(axis=1) for part in self.model], axis=1),
            np.stack([over[:, part].any(axis=1) for part in self.model], axis=1),
            np.stack([actual[:, part].any(axis=1) for part in self.data], axis=1),
        )

    def thresholds(self, thresholds: FloatArray) -> FloatArray:
        """The lowest of each label's."""
        return np.array([thresholds[part].min() for part in self.model], dtype=np.float32)


def labels_align(
    model: Sequence[str], data: Sequence[str], label_map: Mapping[str, str] | None = None
) -> Alignment:
    """The labels that *model* and *data* share, once the data's are called as the product's.

    Raises:
        DataFormatError: if they share none.
    """
    mapped = [(label_map or {}).get(label, label) for label in data]
    shared = [label for label in dict.fromkeys(model) if label in mapped]
    if not shared:
        raise DataFormatError(
            f"the data's labels ({', '.join(mapped[:8])}) are none of the model's "
            f"({', '.join(list(model)[:8])}); give a label map"
        )
    return Alignment(
        shared,
        [[i for i, name in enumerate(model) if name == label] for label in shared],
        [[i for i, name in enumerate(mapped) if name == label] for label in shared],
        sorted(set(model) - set(shared)),
        sorted(set(mapped) - set(shared)),
    )
