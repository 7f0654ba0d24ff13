"""Evaluation of a model folder on a file: what the command and the admin both call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlops.evaluation.alignment import labels_align
from mlops.evaluation.datasets import dataset_read
from mlops.evaluation.measure import Rollups, decisions_measure, group_measure, group_members
from mlops.evaluation.speed import speed_measure
from mlops.inference.artifact import file_digest
from mlops.inference.classifier import Classifier, FloatArray
from mlops.inference.protocol import Progress
from mlops.training.auxiliary import grouped_texts_read
from mlops.training.data import DataFormatError, labels_read

# The taxonomy by which a file of groups is scored.
DEFAULT_ROLLUP = "ekman"
# Seconds at most between two words about progress, and batches that are still full.
TEXTS_A_PART = 512


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """A labelled file: GoEmotions' format with *labels*, or CSV with one column per group.

    ``names`` takes the place of the label file; ``label_map`` gives the product's name of a label
    that the file calls otherwise.
    """

    data: Path
    labels: Path | None = None
    rollups: Path | None = None
    rollup: str = DEFAULT_ROLLUP
    names: Sequence[str] = ()
    label_map: Mapping[str, str] = field(default_factory=dict)


def evaluation_run(
    classifier: Classifier,
    files: EvaluationFiles,
    *,
    outputs: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """All figures of *classifier* on *files*; every row's probabilities go to *outputs*.

    Raises:
        DataFormatError: if a file cannot be read, or has none of the model's labels.
    """
    rollups = rollups_read(files.rollups) if files.rollups else {}
    if files.data.suffix == ".csv" and not files.names:
        result = _grouped(classifier, files, rollups)
    else:
        result = _labelled(classifier, files, rollups, outputs, progress)
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


def _labelled(
    classifier: Classifier,
    files: EvaluationFiles,
    rollups: Rollups,
    outputs: Path | None,
    progress: Progress | None,
) -> dict[str, Any]:
    names = files.names or (
        labels_read(files.labels) if files.labels else classifier.manifest.labels
    )
    data = dataset_read(files.data, names)
    shared = labels_align(classifier.manifest.product_labels, names, files.label_map)
    for groups in rollups.values():
        _members(shared.labels, groups)
    probabilities = _predicted(classifier, data.texts, progress)
    scored = shared.scored(probabilities, classifier.calibrator.thresholds, data.targets > 0.5)
    if outputs:
        scored.save(outputs)
    measured = decisions_measure(
        scored.probabilities.astype(np.float64),
        scored.predicted,
        scored.actual,
        labels=shared.labels,
        thresholds=shared.thresholds(classifier.calibrator.thresholds),
        rollups=rollups,
    )
    left_out = {"model": shared.model_only, "data": shared.data_only}
    return {**measured, "left_out": left_out, "speed": speed_measure(classifier, data.texts)}


def _predicted(
    classifier: Classifier, texts: Sequence[str], progress: Progress | None
) -> FloatArray:
    """The probabilities of all texts, part by part so that progress can be told."""
    parts = []
    for start in range(0, len(texts), TEXTS_A_PART):
        if progress:
            progress(start / len(texts), f"{start} of {len(texts)} texts scored")
        parts.append(classifier.predict(texts[start : start + TEXTS_A_PART]))
    return np.concatenate(parts)


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
