"""Bringing a model: from a folder, a repository of the hub, or an uploaded archive."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.text import slugify

from accounts.api import User
from mlops.constants import Status
from mlops.inference.archive import archive_extract
from mlops.inference.artifact import artifact_copy, artifact_verify
from mlops.inference.errors import ArtifactError, ArtifactIncompatibleError
from mlops.inference.hub import hub_folder
from mlops.inference.huggingface import Overrides, artifact_adopt
from mlops.inference.manifest import MANIFEST_NAME, Manifest
from mlops.inference.protocol import Progress, silent
from mlops.models import ModelVersion
from mlops.services.processes import process_run
from mlops.services.versions import version_register
from mlops.storage import INCOMING, blob_copy

# Compressed weights hardly shrink: what unpacks to more than this much is no model.
UNPACKED_TIMES = 4


class SourceError(ArtifactError):
    """There is nothing to register where somebody said."""

    code = "source_not_found"


@dataclass(frozen=True, slots=True)
class Registration:
    """What to register, and what its owner says about it. Plain values: it travels in a job."""

    source: str
    name: str = ""
    revision: str = ""
    upload: str = ""
    task: str = ""
    draft: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)


def model_register(
    *, registration: Registration, actor: User | None = None, progress: Progress | None = None
) -> ModelVersion:
    """Copy, check and register a model. It is loaded and asked in a process of its own first.

    Raises:
        ArtifactError: with a code that names what is wrong; no row and no file is kept then.
    """
    say = progress or silent
    models_dir = Path(settings.MODELS_DIR)
    models_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=INCOMING, dir=models_dir) as scratch:
        say(0.05, f"fetching {registration.source}")
        folder = _fetched(registration, Path(scratch))
        copy = Path(scratch) / "artifact"
        say(0.3, "reading the model's files")
        _copied(registration, folder, copy)
        process_run("mlops.inference", [str(copy)], progress=_part(say, 0.4, 0.8))
        say(0.85, "keeping the files")
        return version_register(
            folder=copy,
            actor=actor,
            source=_origin(registration),
            task=registration.task,
            status=Status.DRAFT if registration.draft else Status.VALIDATED,
        )


def import_folder(path: str) -> Path:
    """A folder below MODELS_IMPORT_DIR: what the admin and the API may register from the disk.

    Raises:
        SourceError: for one outside, or none.
    """
    root = Path(settings.MODELS_IMPORT_DIR).resolve()
    folder = (root / path).resolve()
    if not folder.is_relative_to(root) or not folder.is_dir():
        raise SourceError(f"{path!r} is no folder below {root} (MODELS_IMPORT_DIR)")
    return folder


def _fetched(registration: Registration, scratch: Path) -> Path:
    if registration.upload:
        archive = scratch / "archive"
        blob_copy(registration.upload, archive)
        limit = settings.MODELS_UPLOAD_MB * 1_000_000 * UNPACKED_TIMES
        return archive_extract(archive, scratch / "unpacked", limit=limit)
    if registration.revision:
        return hub_folder(registration.source, registration.revision)
    folder = Path(registration.source)
    if not folder.is_dir():
        hint = "for a repository of the hub name its --revision"
        raise SourceError(f"{folder}: no such folder; {hint}")
    return folder


def _copied(registration: Registration, folder: Path, copy: Path) -> None:
    if (folder / MANIFEST_NAME).exists():
        manifest = artifact_verify(folder)
        _own_words_only(registration, manifest)
        artifact_copy(folder, manifest, copy)
        return
    artifact_adopt(
        folder,
        copy,
        name=_name(registration),
        revision=registration.revision,
        origin=_origin(registration),
        overrides=Overrides(**registration.overrides),
    )


def _own_words_only(registration: Registration, manifest: Manifest) -> None:
    """An artifact is what its manifest says: another name would be another artifact."""
    if registration.name and slugify(registration.name) != slugify(manifest.name):
        raise ArtifactIncompatibleError(
            f"the artifact is called {manifest.name} in its manifest, not {registration.name}; "
            "leave the name out"
        )
    if registration.overrides:
        given = ", ".join(name.replace("_", " ") for name in registration.overrides)
        raise ArtifactIncompatibleError(
            f"the artifact's manifest says what it is; leave out: {given}"
        )


def _name(registration: Registration) -> str:
    name = registration.name or Path(registration.source).resolve().name.split(".")[0]
    return slugify(name)[:100] or "model"


def _origin(registration: Registration) -> str:
    if registration.revision:
        return f"{registration.source}@{registration.revision}"
    if registration.upload:
        return f"upload of {registration.source}"
    return str(Path(registration.source).resolve())


def overrides_parse(values: dict[str, Any]) -> dict[str, Any]:
    """Overrides as forms and commands give them: empty ones left out, the label map decoded.

    Raises:
        SourceError: if the label map is not a JSON object of names.
    """
    result = {name: value for name, value in values.items() if value}
    given = result.get("label_map")
    if isinstance(given, str):
        try:
            result["label_map"] = json.loads(given)
        except ValueError as error:
            raise SourceError(f"the label map is not JSON: {error}") from error
    label_map = result.get("label_map", {})
    if not isinstance(label_map, dict) or not all(isinstance(v, str) for v in label_map.values()):
        raise SourceError('the label map must look like {"LABEL_0": "joy"}')
    return result


def _part(progress: Progress, start: float, end: float) -> Callable[[float, str], None]:
    """A share of the whole for a step of it."""
    return lambda share, message: progress(start + share * (end - start), message)
