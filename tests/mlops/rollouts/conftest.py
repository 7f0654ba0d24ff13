"""Versions to roll out, and rollouts of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mlops.models import ModelVersion, Rollout
from mlops.rollouts.services import rollout_create
from mlops.rollouts.validation import ArmSpec, RolloutSpec
from mlops.selectors import version_serving
from mlops.services.versions import version_register
from tests.mlops.rollouts.rows import salted


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
        return salted(rollout_create(spec=replace(spec, **changes)))

    return made
