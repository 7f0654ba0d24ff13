"""Artifacts in Django's storage: files under their digests, each kept once.

``checkout`` makes the folder that inference wants out of them: hard links where the storage is a
local disk, downloads elsewhere.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages

from mlops.inference.artifact import file_digest
from mlops.inference.errors import ArtifactCorruptError
from mlops.inference.manifest import MANIFEST_NAME, Manifest, manifest_read

INCOMING = ".incoming-"


class LocalModels(FileSystemStorage):
    """Files below MODELS_DIR, written whole or not at all."""

    @property
    def location(self) -> str:
        """Asked each time: MODELS_DIR may be changed by a test."""
        return str(Path(settings.MODELS_DIR).resolve())

    base_location = location

    def _save(self, name: str, content: File[Any]) -> str:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=INCOMING, dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
            Path(temporary).chmod(0o444)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name


def blob_name(digest: str) -> str:
    """Where a file lies: two characters of its digest keep the folders small."""
    return f"blobs/{digest[:2]}/{digest}"


def blob_save(path: Path) -> str:
    """Keep a file under its digest, and return that."""
    digest = file_digest(path)
    blob_keep(path, digest)
    return digest


def blob_keep(path: Path, digest: str) -> None:
    """Keep a file whose digest is known; what is there already is not copied."""
    storage = storages["models"]
    if not storage.exists(blob_name(digest)):
        with path.open("rb") as file:
            storage.save(blob_name(digest), File(file))


def blob_open(digest: str) -> IO[bytes]:
    """The kept file.

    Raises:
        ArtifactCorruptError: if the storage does not have it.
    """
    try:
        file: IO[bytes] = storages["models"].open(blob_name(digest), "rb")
    except OSError as error:
        raise ArtifactCorruptError(f"the storage lost the file {digest[:12]}: {error}") from error
    return file


def blob_copy(digest: str, target: Path) -> None:
    """The kept file at *target*: a link on a local disk, a copy elsewhere."""
    storage = storages["models"]
    if isinstance(storage, FileSystemStorage):
        try:
            os.link(storage.path(blob_name(digest)), target)
        except FileNotFoundError as error:
            raise ArtifactCorruptError(f"the storage lost the file {digest[:12]}") from error
        except OSError:
            pass  # another file system, or one without links
        else:
            return
    with blob_open(digest) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


def artifact_store(folder: Path, manifest: Manifest) -> None:
    """Keep every file of a verified artifact, the manifest last, under its own digest."""
    for name, digest in manifest.files.items():
        blob_keep(folder / name, digest)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MANIFEST_NAME
        path.write_text(manifest.to_json(), encoding="utf-8")
        blob_save(path)


def artifact_folder(digest: str) -> Path:
    """The local folder of the artifact *digest*, made now if it is not there.

    Raises:
        ArtifactCorruptError: if the storage lost one of its files.
    """
    target = Path(settings.MODELS_DIR) / "checkouts" / digest
    if not target.is_dir():
        _checkout(digest, target)
    return target


def _checkout(digest: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=INCOMING, dir=target.parent))
    try:
        blob_copy(digest, temporary / MANIFEST_NAME)
        for name, file in manifest_read(temporary).files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            blob_copy(file, temporary / name)
        temporary.chmod(0o755)
        temporary.rename(target)
    except OSError:
        # Another process was faster; anything else is the caller's to hear of.
        shutil.rmtree(temporary, ignore_errors=True)
        if not target.is_dir():
            raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
