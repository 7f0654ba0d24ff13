"""Versions to roll out, and rollouts of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops.inference.artifact import artifact_write
from mlops.inference.manifest import manifest_read
from mlops.models import ModelVersion, Rollout
from mlops.rollouts.services import rollout_create
from mlops.rollouts.validation import ArmSpec, RolloutSpec
from mlops.selectors import version_serving
from mlops.services.versions import version_register


@pytest.fixture(scope="session")
def second_folder(version_folder_int8: Path, tmp_path_factory) -> Path:
    """The shipped model under another version's name."""
    folder = tmp_path_factory.mktemp("second") / "second"
    manifest = replace(manifest_read(version_folder_int8), version="second")

    def fill(target):
        shutil.copytree(version_folder_int8, target, dirs_exist_ok=True)

    artifact_write(folder, manifest, fill)
    return folder


@pytest.fixture
def champion(db, version_folder_int8) -> ModelVersion:
    serving = version_serving()
    assert serving is not None
    return serving


@pytest.fixture
def challenger(db, second_folder) -> ModelVersion:
    return version_register(folder=second_folder)


@pytest.fixture
def spec(champion, challenger) -> RolloutSpec:
    return RolloutSpec(
        name="better",
        arms=[
            ArmSpec("champion", champion, 95, champion=True),
            ArmSpec("challenger", challenger, 5),
        ],
    )


@pytest.fixture
def make(spec) -> Callable[..., Rollout]:
    """Makes a draft; keywords change the spec."""

    def made(**changes) -> Rollout:
        return rollout_create(spec=replace(spec, **changes))

    return made
