"""Artifact folders: written whole or not at all, verified before every load."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mlops.inference.errors import ArtifactCorruptError
from mlops.inference.manifest import MANIFEST_NAME, Manifest, manifest_read

TOKENIZER_NAME = "tokenizer.json"
CONFIG_NAME = "config.json"
SAFETENSORS_NAME = "model.safetensors"
ONNX_NAME = "model.onnx"


def file_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def artifact_verify(folder: Path) -> Manifest:
    """The manifest of *folder*, after every file was found whole.

    Raises:
        ArtifactCorruptError: naming the first file that is missing, changed or outside the folder.
        ArtifactIncompatibleError: if this release cannot use the manifest.
    """
    manifest = manifest_read(folder)
    if not manifest.files:
        raise ArtifactCorruptError(f"{folder}: the manifest lists no files")
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ArtifactCorruptError(f"{folder}: {name!r} points outside the folder")
        if not path.is_file():
            raise ArtifactCorruptError(f"{folder}: {name} is missing")
        if file_digest(path) != digest:
            raise ArtifactCorruptError(f"{folder}: {name} does not match its digest")
    return manifest


def artifact_write(
    target: Path, manifest: Manifest, fill: Callable[[Path], Manifest | None]
) -> Manifest:
    """Create *target* atomically.

    *fill* puts the files into a temporary folder beside it, and may return a manifest that
    replaces the one given (when it holds what only the written files could tell). Digests are
    then taken, the manifest written and the folder renamed into place.

    Returns:
        The manifest as written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        manifest = fill(temporary) or manifest
        manifest = replace(manifest, files=_digests(temporary))
        (temporary / MANIFEST_NAME).write_text(manifest.to_json(), encoding="utf-8")
        temporary.chmod(0o755)
        _swap(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return manifest


def artifact_copy(source: Path, manifest: Manifest, target: Path) -> None:
    """Copy what *manifest* lists, and itself, from *source* to *target*: all that was verified."""
    for name in (MANIFEST_NAME, *manifest.files):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _digests(folder: Path) -> dict[str, str]:
    own = folder / MANIFEST_NAME
    # Those of the models of a cascade are files like any other.
    files = (path for path in folder.rglob("*") if path.is_file() and path != own)
    return {str(path.relative_to(folder)): file_digest(path) for path in sorted(files)}


def _swap(temporary: Path, target: Path) -> None:
    """Rename *temporary* to *target*, replacing an older folder of that name."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.replace(old / target.name)
        temporary.replace(target)
        shutil.rmtree(old)
    else:
        temporary.replace(target)
