"""Specifications of rollouts: from what a caller sent, and of what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops.models import ModelVersion, Rollout
from mlops.rollouts.errors import RolloutError
from mlops.rollouts.validation import ArmSpec, RolloutSpec
from mlops.selectors import VersionNotFoundError, version_named


def spec_of(data: Mapping[str, Any]) -> RolloutSpec:
    """The specification of validated *data*.

    Raises:
        RolloutError: naming the arm whose version does not exist.
    """
    arms = [
        ArmSpec(**{**arm, "version": _version(number, arm["version"])})
        for number, arm in enumerate(data["arms"])
    ]
    return RolloutSpec(
        name=data["name"],
        arms=arms,
        scopes=data["scopes"],
        unit=data["unit"],
        schedule=data["schedule"],
        limits=data["guardrails"],
    )


def specs_of(rollout: Rollout) -> list[ArmSpec]:
    """The arms as they were asked for."""
    return [
        ArmSpec(arm.name, arm.version, arm.weight, arm.mode, arm.champion, arm.label_map)
        for arm in rollout.arms.select_related("version__model")
    ]


def _version(number: int, name: str) -> ModelVersion:
    try:
        return version_named(name)
    except VersionNotFoundError as error:
        field = f"arms.{number}.version"
        raise RolloutError(str(error), code="version_unknown", field=field) from error
