"""Plain Hugging Face sequence-classification folders, turned into artifacts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mlops.inference.artifact import CONFIG_NAME, TOKENIZER_NAME, artifact_write
from mlops.inference.errors import ArtifactCorruptError, ArtifactIncompatibleError
from mlops.inference.manifest import Manifest

# Longer windows gain nothing for a judgement of a text's tone and cost quadratic time.
LONGEST_WINDOW = 512
# RoBERTa counts positions from the padding id on: two of them are never usable.
_RESERVED_POSITIONS = 2
DEFAULT_THRESHOLD = 0.5


def artifact_adopt(
    source: Path, target: Path, *, name: str, version: str = "1", revision: str = ""
) -> Manifest:
    """Write the artifact *target* from the Hugging Face folder *source*.

    Labels and activation come from ``config.json`` (``id2label``, ``problem_type``); thresholds
    start at 0.5, calibration at none: evaluation fits them.

    Raises:
        ArtifactCorruptError: if a file is missing or unreadable.
        ArtifactIncompatibleError: for weights that are not safetensors, or a single output.
    """
    config = _config(source)
    weights = _weights(source)
    labels = _labels(config, source)
    manifest = Manifest(
        name=name,
        version=version,
        format="safetensors",
        precision="fp32",
        labels=labels,
        activation="sigmoid" if _is_multi_label(config) else "softmax",
        max_length=_max_length(config),
        thresholds=[DEFAULT_THRESHOLD] * len(labels),
        provenance={"source": str(source), "revision": revision},
    )

    def fill(folder: Path) -> None:
        for path in (source / CONFIG_NAME, *weights):
            shutil.copyfile(path, folder / path.name)
        _tokenizer_write(source, folder / TOKENIZER_NAME)

    return artifact_write(target, manifest, fill)


def _config(source: Path) -> dict[str, Any]:
    path = source / CONFIG_NAME
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtifactCorruptError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ArtifactCorruptError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(config, dict):
        raise ArtifactCorruptError(f"{path}: expected a JSON object")
    return config


def _weights(source: Path) -> list[Path]:
    weights = sorted(source.glob("*.safetensors")) + sorted(source.glob("*.safetensors.index.json"))
    if weights:
        return weights
    pickled = sorted(path.name for path in source.glob("*.bin"))
    if pickled:
        raise ArtifactIncompatibleError(
            f"{source}: only pickled weights ({', '.join(pickled)}), which can run code when "
            "loaded; convert them to safetensors first"
        )
    raise ArtifactCorruptError(f"{source}: no *.safetensors weights")


def _labels(config: dict[str, Any], source: Path) -> list[str]:
    names = config.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
    labels = [str(names[key]) for key in sorted(names, key=int)]
    if len(labels) < 2:
        raise ArtifactIncompatibleError(
            f"{source}: the head has one output; a classifier needs at least two labels"
        )
    return labels


def _is_multi_label(config: dict[str, Any]) -> bool:
    return bool(config.get("problem_type") == "multi_label_classification")


def _max_length(config: dict[str, Any]) -> int:
    positions = int(config.get("max_position_embeddings") or LONGEST_WINDOW)
    return min(positions - _RESERVED_POSITIONS, LONGEST_WINDOW)


def _tokenizer_write(source: Path, target: Path) -> None:
    """The fast tokeniser as it is, or converted by transformers where only a slow one is there."""
    if (source / TOKENIZER_NAME).is_file():
        shutil.copyfile(source / TOKENIZER_NAME, target)
        return
    from transformers import AutoTokenizer

    load: Any = AutoTokenizer.from_pretrained
    try:
        tokenizer = load(source, use_fast=True, local_files_only=True)
        tokenizer.backend_tokenizer.save(str(target))
    except Exception as error:  # the library raises many kinds for a missing or odd vocabulary
        raise ArtifactCorruptError(f"{source}: no usable tokeniser: {error}") from error
