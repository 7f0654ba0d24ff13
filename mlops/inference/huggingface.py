"""Plain Hugging Face sequence-classification folders, turned into artifacts."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops.inference.artifact import CONFIG_NAME, TOKENIZER_NAME, artifact_write
from mlops.inference.errors import (
    ArtifactCorruptError,
    ArtifactIncompatibleError,
    LabelsMismatchError,
    PickleRefusedError,
    TokenizerMissingError,
)
from mlops.inference.manifest import Activation, Manifest, Precision

# Longer windows gain nothing for a judgement of a text's tone and cost quadratic time.
LONGEST_WINDOW = 512
# RoBERTa counts positions from the padding id on: two of them are never usable.
_RESERVED_POSITIONS = 2
DEFAULT_THRESHOLD = 0.5
# As the format itself limits it.
_LONGEST_HEAD = 100_000_000


@dataclass(frozen=True, slots=True)
class Overrides:
    """What somebody who registers a model says about it; the rest is read from its files."""

    labels: list[str] | None = None
    label_map: dict[str, str] = field(default_factory=dict)
    activation: Activation | None = None
    max_length: int | None = None
    thresholds: list[float] | None = None

    def apply(self, manifest: Manifest) -> Manifest:
        """*manifest* with what was said.

        Raises:
            LabelsMismatchError: if the labels are not as many as the head's.
            ArtifactIncompatibleError: if the result contradicts itself.
        """
        if self.labels and len(self.labels) != len(manifest.labels):
            raise LabelsMismatchError(
                f"{len(self.labels)} labels were given; the head has {len(manifest.labels)} outputs"
            )
        given = {
            name: getattr(self, name)
            for name in ("labels", "activation", "max_length", "thresholds", "label_map")
            if getattr(self, name)
        }
        return replace(manifest, **given)


def artifact_adopt(
    source: Path,
    target: Path,
    *,
    name: str,
    version: str = "1",
    revision: str = "",
    origin: str = "",
    overrides: Overrides | None = None,
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
        precision=_precision(weights),
        labels=labels,
        activation="sigmoid" if _is_multi_label(config) else "softmax",
        max_length=_max_length(config),
        thresholds=[DEFAULT_THRESHOLD] * len(labels),
        provenance={"source": origin or str(source), "revision": revision},
    )
    manifest = (overrides or Overrides()).apply(manifest)

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
    pickled = sorted(
        path.name for path in source.iterdir() if path.suffix in {".bin", ".pt", ".pth", ".pkl"}
    )
    if pickled:
        raise PickleRefusedError(
            f"{source}: only pickled weights ({', '.join(pickled)}), which can run code when "
            "loaded; convert them to safetensors first"
        )
    raise ArtifactCorruptError(f"{source}: no *.safetensors weights")


def _precision(weights: list[Path]) -> Precision:
    """The type of most weights, from the head of the first file: the rest is not read."""
    path = next(path for path in weights if path.suffix == ".safetensors")
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        try:
            head = json.loads(file.read(min(size, _LONGEST_HEAD)))
            types = [entry["dtype"] for name, entry in head.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactCorruptError(f"{path}: not a safetensors file: {error}") from error
    halves: dict[str, Precision] = {"F16": "fp16", "BF16": "bf16"}
    return halves.get(max(types, key=types.count, default=""), "fp32")


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
        raise TokenizerMissingError(
            f"{source}: no usable tokeniser beside the weights: {error}"
        ) from error
