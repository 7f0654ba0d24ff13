"""Cascades: a small version and a full one, registered as one version more."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.utils.text import slugify

from accounts.api import User
from mlops.errors import CodedError
from mlops.inference.artifact import artifact_copy, artifact_verify, artifact_write
from mlops.inference.backends import RuntimeOptions
from mlops.inference.cascade import FULL, SMALL, doubt, parts_check
from mlops.inference.classifier import Classifier
from mlops.inference.manifest import Manifest
from mlops.inference.protocol import Progress, silent
from mlops.models import ModelVersion
from mlops.selectors import version_folder
from mlops.services.processes import process_run
from mlops.services.versions import version_register
from mlops.storage import INCOMING

# The share of other texts over a bound from this many is within ten points of what was asked for.
MINIMUM_TEXTS = 100


class CascadeError(CodedError):
    """Two versions, texts or a share that no cascade can be made of."""

    code = "cascade_refused"


@dataclass(frozen=True, slots=True)
class Sample:
    """Texts as they are expected in traffic, labels or not, and where they are from."""

    texts: Sequence[str]
    source: str = ""
    digest: str = ""


def cascade_register(
    *,
    small: ModelVersion,
    full: ModelVersion,
    share: float,
    sample: Sample,
    name: str = "",
    actor: User | None = None,
    progress: Progress | None = None,
) -> ModelVersion:
    """The version that asks *full* only about what *small* doubts: *share* of texts like *sample*.

    Its files are its own, so either model may be deleted afterwards.

    Raises:
        CascadeError: for a share that is none, or too few texts.
        ArtifactError: if the two do not fit together, or one is damaged; nothing is kept then.
    """
    say = progress or silent
    _check(share, sample)
    folders = version_folder(small), version_folder(full)
    manifests = artifact_verify(folders[0]), artifact_verify(folders[1])
    parts_check(*zip(folders, manifests, strict=True))
    say(0.1, f"asking {small.name} {len(sample.texts)} texts")
    manifest = replace(
        manifests[1],
        name=slugify(name)[:100] or f"{manifests[1].name}-cascade",
        version=f"{manifests[0].version}+{manifests[1].version}-{share:g}",
        format="cascade",
        bound=_bound(folders[0], manifests[1], sample.texts, share),
        calibration=None,
        files={},
        provenance=_provenance((small, full), manifests, share, sample),
        metrics={},
    )
    models_dir = Path(settings.MODELS_DIR)
    with tempfile.TemporaryDirectory(prefix=INCOMING, dir=models_dir) as scratch:
        target = Path(scratch) / "artifact"
        artifact_write(target, manifest, lambda folder: _filled(folder, folders, manifests))
        say(0.7, "loading it")
        process_run("mlops.inference", [str(target)])
        source = f"cascade of {small.name} and {full.name}, {share:.0%} handed on"
        return version_register(folder=target, actor=actor, source=source, task=full.model.task)


def share_interval(share: float, texts: int) -> tuple[float, float]:
    """Where the share of other texts of the same kind is, in 95 of 100 samples of so many."""
    reach = 1.96 * (share * (1 - share) / texts) ** 0.5
    return max(0.0, share - reach), min(1.0, share + reach)


def _check(share: float, sample: Sample) -> None:
    if not 0 < share < 1:
        raise CascadeError(
            f"the share is {share:g}; it must lie between 0 and 1: "
            "at 0 the small version would answer alone, at 1 the full one",
            field="share",
        )
    if len(sample.texts) < MINIMUM_TEXTS:
        raise CascadeError(
            f"{len(sample.texts)} texts; at least {MINIMUM_TEXTS} are needed for a bound",
            field="texts",
        )


def _bound(small: Path, full: Manifest, texts: Sequence[str], share: float) -> float:
    """The doubt that *share* of *texts* are over, by the thresholds that count in the end."""
    calibrated = Classifier.load(small, RuntimeOptions(device="cpu")).predict(texts)
    doubts = doubt(calibrated, np.asarray(full.thresholds, dtype=np.float32))
    return float(np.quantile(doubts, 1 - share))


def _provenance(
    versions: tuple[ModelVersion, ModelVersion],
    manifests: tuple[Manifest, Manifest],
    share: float,
    sample: Sample,
) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    data: dict[str, str] = {}
    for part, version, manifest in zip((SMALL, FULL), versions, manifests, strict=True):
        parts[part] = {"version": version.name, "digest": manifest.digest}
        # What either was fitted on: an evaluation on that is named as such.
        known = manifest.provenance.get("data", {})
        data |= {f"{part} {name}": digest for name, digest in known.items()}
    if sample.digest:
        data["bound"] = sample.digest
    fitted = {"share": share, "texts": len(sample.texts), "texts_from": sample.source}
    return {"cascade": parts | fitted, "data": data}


def _filled(target: Path, folders: tuple[Path, Path], manifests: tuple[Manifest, Manifest]) -> None:
    for part, folder, manifest in zip((SMALL, FULL), folders, manifests, strict=True):
        artifact_copy(folder, manifest, target / part)
