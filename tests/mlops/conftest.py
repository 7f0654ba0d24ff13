"""A second version that can be registered, rolled out and promoted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.inference.artifact import artifact_write
from mlops.inference.manifest import manifest_read


@pytest.fixture(scope="session")
def second_folder(version_folder_int8: Path, tmp_path_factory) -> Path:
    """The shipped model under another version's name."""
    folder = tmp_path_factory.mktemp("second") / "second"
    manifest = replace(manifest_read(version_folder_int8), version="second")

    def fill(target):
        shutil.copytree(version_folder_int8, target, dirs_exist_ok=True)

    artifact_write(folder, manifest, fill)
    return folder
