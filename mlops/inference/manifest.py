"""The manifest: what a model folder says about itself."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from mlops.inference.errors import ArtifactCorruptError, ArtifactIncompatibleError

# History: 1 (2026-11) first format.
FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"
# Fields that came later, left out at their defaults: manifests from before them keep their digest.
_ADDED: dict[str, Any] = {"label_map": {}, "bound": None, "exact_sums": False}

Activation = Literal["sigmoid", "softmax"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
ModelFormat = Literal["safetensors", "onnx", "cascade"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Per-label affine map of the logit: ``sigmoid(scale * logit(p) + shift)`` (Platt 1999)."""

    scale: list[float]
    shift: list[float]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that serving needs to know; lists run over the labels in output order.

    ``thresholds`` are on the calibrated scale. ``files`` maps relative paths to SHA-256 digests.
    ``label_map`` gives the product's name of a label that is called otherwise there. ``bound`` is
    a cascade's: the doubt over which its small model's answer gives way to the full one's.
    ``exact_sums`` is of int8 weights that no processor's way of adding products cuts off.
    """

    name: str
    version: str
    format: ModelFormat
    precision: Precision
    labels: list[str]
    activation: Activation
    max_length: int
    thresholds: list[float]
    calibration: Calibration | None = None
    files: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    label_map: dict[str, str] = field(default_factory=dict)
    bound: float | None = None
    exact_sums: bool = False
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise ArtifactIncompatibleError(f"manifest of {self.name!r}: {'; '.join(problems)}")

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical manifest: it covers every file through its own digest."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def product_labels(self) -> list[str]:
        """The labels as the product calls them, in output order."""
        return labels_renamed(self.labels, self.label_map)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, two spaces, a final newline."""
        values = asdict(self)
        for name, default in _ADDED.items():
            if values[name] == default:
                del values[name]
        return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def manifest_read(folder: Path) -> Manifest:
    """The manifest of *folder*; the files it lists are not checked here.

    Raises:
        ArtifactCorruptError: if it is missing or not JSON.
        ArtifactIncompatibleError: if its format is newer, or its content contradicts itself.
    """
    path = folder / MANIFEST_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ArtifactCorruptError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ArtifactCorruptError(f"{path}: not valid JSON: {error}") from error
    return manifest_parse(values, source=str(path))


def manifest_parse(values: Any, *, source: str) -> Manifest:
    """A manifest from decoded JSON; *source* names it in errors."""
    if not isinstance(values, dict):
        raise ArtifactCorruptError(f"{source}: expected a JSON object")
    version = values.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ArtifactIncompatibleError(
            f"{source}: format version {version!r}; this release reads up to {FORMAT_VERSION}"
        )
    calibration = values.get("calibration")
    try:
        return Manifest(
            **{**values, "calibration": Calibration(**calibration) if calibration else None}
        )
    except TypeError as error:
        raise ArtifactIncompatibleError(f"{source}: {error}") from error


def labels_renamed(labels: Sequence[str], label_map: Mapping[str, str]) -> list[str]:
    """*labels* as the product calls them, in their order."""
    return [label_map.get(label, label) for label in labels]


def _problems(manifest: Manifest) -> list[str]:
    count = len(manifest.labels)
    problems = []
    if count < 2 or len(set(manifest.labels)) != count:
        problems.append("labels must be at least two different names")
    if len(manifest.thresholds) != count:
        problems.append(f"{len(manifest.thresholds)} thresholds for {count} labels")
    if manifest.calibration and {
        len(manifest.calibration.scale),
        len(manifest.calibration.shift),
    } != {count}:
        problems.append(f"calibration does not have {count} entries")
    if manifest.activation not in get_args(Activation):
        problems.append(f"activation {manifest.activation!r} is not one of {get_args(Activation)}")
    if manifest.precision not in get_args(Precision):
        problems.append(f"precision {manifest.precision!r} is not one of {get_args(Precision)}")
    if manifest.format not in get_args(ModelFormat):
        problems.append(f"format {manifest.format!r} is not one of {get_args(ModelFormat)}")
    unknown = sorted(set(manifest.label_map) - set(manifest.labels))
    if unknown:
        problems.append(f"label_map names labels that are not there: {', '.join(unknown)}")
    renamed = labels_renamed(manifest.labels, manifest.label_map)
    twice = sorted({name for name in renamed if renamed.count(name) > 1})
    if twice and not unknown:
        problems.append(f"label_map calls several labels the same: {', '.join(twice)}")
    if manifest.max_length < 8:
        problems.append("max_length must be at least 8 tokens")
    return problems + _cascade_problems(manifest)


def _cascade_problems(manifest: Manifest) -> list[str]:
    bound, cascade = manifest.bound, manifest.format == "cascade"
    if not cascade:
        return [] if bound is None else ["a bound of doubt is for cascades only"]
    problems = []
    if not isinstance(bound, int | float) or not math.isfinite(bound):
        problems.append(f"a cascade needs a bound of doubt, a number; not {bound!r}")
    if manifest.calibration:
        problems.append("a cascade's models are calibrated each by itself, not once more")
    return problems
