"""A version's artifact as one file."""

from __future__ import annotations

import tempfile
import zipfile
from typing import IO

from mlops.inference.artifact import artifact_verify
from mlops.inference.manifest import MANIFEST_NAME
from mlops.models import ModelVersion
from mlops.selectors import version_folder


def version_archive_file(version: ModelVersion) -> IO[bytes]:
    """A zip file of the verified artifact, which the upload form takes again.

    Raises:
        ArtifactError: if it is damaged.
    """
    folder = version_folder(version)
    manifest = artifact_verify(folder)
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    # Weights hardly shrink: stored, not compressed.
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in (MANIFEST_NAME, *manifest.files):
            file.write(folder / name, name)
    archive.seek(0)
    return archive
