"""From trained weights to an artifact: int8 export, calibration and thresholds fitted on it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from mlops.evaluation.fitting import (
    calibration_fit,
    cross_validate,
    held_out,
    thresholds_fit,
)
from mlops.evaluation.measure import decisions_measure
from mlops.evaluation.metrics import BoolArray, FloatArray
from mlops.export.exporter import onnx_export, parity_require
from mlops.export.options import ExportOptions
from mlops.inference.artifact import (
    ONNX_NAME,
    SAFETENSORS_NAME,
    TOKENIZER_NAME,
    artifact_write,
)
from mlops.inference.classifier import Classifier
from mlops.inference.manifest import Calibration, Manifest
from mlops.training.data import LabelledTexts
from mlops.training.modelling import state_tensors

# How far int8 may move a probability of the text it moves most.
TOLERANCE = 0.2
# Until they are fitted.
NEUTRAL_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Package:
    """What becomes an artifact."""

    name: str
    version: str
    labels: list[str]
    max_length: int
    model: PreTrainedModel
    tokenizer: Tokenizer
    provenance: dict[str, Any]


def artifact_package(
    package: Package, *, dev: LabelledTexts, work: Path, output: Path, metrics: dict[str, Any]
) -> Manifest:
    """Write *output*: fp16 safetensors, with calibration and thresholds for its int8 export.

    The int8 graph is what most installations serve, so its outputs on *dev* are the ones fitted
    on. The manifest's metrics are cross-validated: no row is scored by a fit that saw it.

    Raises:
        ParityError: if the int8 export differs too much from the weights.
    """
    draft = artifact_write(
        work / "draft", _manifest(package), lambda folder: _fill(package, folder)
    )
    report = onnx_export(work / "draft", work / "int8", ExportOptions(), tolerance=TOLERANCE)
    parity_require(report)
    actual = dev.targets > 0.5
    exported = Classifier.load(work / "int8").predict(dev.texts).astype(np.float64)
    full = Classifier.load(work / "draft").predict(dev.texts).astype(np.float64)
    calibration = calibration_fit(exported, actual)
    thresholds = thresholds_fit(calibration.apply(exported))
    final = replace(
        draft,
        calibration=Calibration(_rounded(calibration.scale), _rounded(calibration.shift)),
        thresholds=_rounded(thresholds),
        metrics={
            "dev_cross_validated": cross_validate(exported, actual).as_dict(),
            "dev_cross_validated_fp16": cross_validate(full, actual).as_dict(),
            "dev_held_out": _held_out_figures(exported, actual, package.labels, thresholds),
            "int8_megabytes": round((work / "int8" / ONNX_NAME).stat().st_size / 1e6, 1),
            **metrics,
        },
    )
    written = artifact_write(output, final, lambda folder: _copy(work / "draft", folder))
    shutil.rmtree(work / "draft")
    shutil.rmtree(work / "int8")
    return written


def _held_out_figures(
    exported: FloatArray, actual: BoolArray, labels: list[str], thresholds: FloatArray
) -> dict[str, Any]:
    """One round of cross-validation in detail: intervals, and each label's F1."""
    rng = np.random.default_rng(0)
    calibrated, predicted = held_out(exported, actual, folds=5, rng=rng)
    measured = decisions_measure(
        calibrated, predicted, actual, labels=labels, thresholds=thresholds
    )
    kept = ("precision", "recall", "f1", "support")
    return {
        "overall": measured["overall"],
        "intervals": measured["intervals"],
        "labels": {row["label"]: {key: row[key] for key in kept} for row in measured["labels"]},
    }


def _manifest(package: Package) -> Manifest:
    return Manifest(
        name=package.name,
        version=package.version,
        format="safetensors",
        precision="fp16",
        labels=package.labels,
        activation="sigmoid",
        max_length=package.max_length,
        thresholds=[NEUTRAL_THRESHOLD] * len(package.labels),
        provenance={**package.provenance, "finished": time.strftime("%Y-%m-%d", time.gmtime())},
    )


def _fill(package: Package, folder: Path) -> None:
    save_file(state_tensors(package.model), folder / SAFETENSORS_NAME, {"format": "pt"})
    # The loader finds our class by this name; a configuration alone keeps the base's.
    package.model.config.architectures = [type(package.model).__name__]
    package.model.config.save_pretrained(folder)
    tokenizer = Tokenizer.from_str(package.tokenizer.to_str())
    # Length and padding are the manifest's and the batch's business.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(folder / TOKENIZER_NAME))


def _copy(source: Path, folder: Path) -> None:
    for path in source.iterdir():
        if path.name != "manifest.json":
            shutil.copyfile(path, folder / path.name)


def _rounded(values: FloatArray) -> list[float]:
    return [round(float(value), 5) for value in values]
