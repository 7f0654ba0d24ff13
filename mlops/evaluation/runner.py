"""Evaluation of a model folder on a file: what the command and the admin both call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlops.evaluation.measure import (
    Rollups,
    evaluation_measure,
    group_measure,
    group_members,
)
from mlops.evaluation.speed import speed_measure
from mlops.inference.artifact import file_digest
from mlops.inference.classifier import Classifier
from mlops.training.auxiliary import grouped_texts_read
from mlops.training.data import DataFormatError, labelled_texts_read, labels_read

# The taxonomy by which a file of groups is scored.
DEFAULT_ROLLUP = "ekman"


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """A labelled file: GoEmotions' format with *labels*, or CSV with one column per group."""

    data: Path
    labels: Path | None = None
    rollups: Path | None = None
    rollup: str = DEFAULT_ROLLUP


def evaluation_run(classifier: Classifier, files: EvaluationFiles) -> dict[str, Any]:
    """All figures of *classifier* on *files*.

    Raises:
        DataFormatError: if a file cannot be read, or its labels are not the model's.
    """
    rollups = rollups_read(files.rollups) if files.rollups else {}
    if files.data.suffix == ".csv":
        result = _grouped(classifier, files, rollups)
    else:
        result = _labelled(classifier, files, rollups)
    return {
        "model": f"{classifier.manifest.name} v{classifier.manifest.version}",
        "digest": classifier.digest,
        "precision": classifier.manifest.precision,
        "data": {"name": files.data.name, "sha256": file_digest(files.data)},
        "fitted_on_this_file": fitted_on(classifier, files.data),
        **result,
    }


def fitted_on(classifier: Classifier, data: Path) -> bool:
    """Whether the model was trained or its thresholds were fitted on this very file."""
    known = classifier.manifest.provenance.get("data", {})
    return file_digest(data) in set(known.values())


def rollups_read(path: Path) -> Rollups:
    """``{taxonomy: {group: [labels]}}`` from a JSON file.

    Raises:
        DataFormatError: if the file is not that.
    """
    try:
        rollups: Rollups = json.loads(path.read_text(encoding="utf-8"))
        shaped = all(
            isinstance(label, str)
            for groups in rollups.values()
            for members in groups.values()
            for label in members
        )
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise DataFormatError(f"{path}: expected {{taxonomy: {{group: [labels]}}}}") from error
    if not shaped:
        raise DataFormatError(f"{path}: expected {{taxonomy: {{group: [labels]}}}}")
    return rollups


def _labelled(classifier: Classifier, files: EvaluationFiles, rollups: Rollups) -> dict[str, Any]:
    names = labels_read(files.labels) if files.labels else classifier.manifest.labels
    data = labelled_texts_read(files.data, len(names))
    columns = _columns(classifier.manifest.labels, names)
    probabilities = classifier.predict(data.texts)
    for groups in rollups.values():
        _members(classifier.manifest.labels, groups)
    measured = evaluation_measure(
        probabilities.astype(np.float64),
        data.targets[:, columns] > 0.5,
        labels=classifier.manifest.labels,
        thresholds=classifier.calibrator.thresholds,
        rollups=rollups,
    )
    return {**measured, "speed": speed_measure(classifier, data.texts)}


def _grouped(classifier: Classifier, files: EvaluationFiles, rollups: Rollups) -> dict[str, Any]:
    """Threshold transfer: a group is predicted if any of its labels is over its threshold."""
    if files.rollup not in rollups:
        raise DataFormatError(f"{files.data} is labelled by groups: name a roll-up file with them")
    labels = classifier.manifest.labels
    groups = _present_columns(files.data, rollups[files.rollup])
    data = grouped_texts_read(files.data, groups, labels)
    predicted = classifier.predict(data.texts) >= classifier.calibrator.thresholds
    chosen = (predicted.astype(np.float32) @ _members(labels, groups).T) > 0
    measured = group_measure(chosen, data.targets > 0.5, list(groups))
    return {"texts": len(data.texts), "rollups": {files.rollup: measured}}


def _present_columns(
    path: Path, groups: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline().strip().split(",")
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}") from error
    return {name: members for name, members in groups.items() if name in header}


def _members(labels: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Any:
    try:
        return group_members(labels, groups)
    except ValueError as error:
        raise DataFormatError(str(error)) from error


def _columns(model: Sequence[str], names: Sequence[str]) -> list[int]:
    """The file's column for each of the model's labels."""
    missing = sorted(set(model) - set(names))
    if missing:
        raise DataFormatError(f"the label file lacks labels of the model: {', '.join(missing)}")
    return [list(names).index(label) for label in model]
