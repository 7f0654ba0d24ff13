"""Whether a rollout makes sense: looked at when it is made, and again when it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from accounts.api import ApiKey, Tier
from mlops.constants import Status
from mlops.inference.artifact import artifact_verify
from mlops.inference.errors import ArtifactError
from mlops.models import ModelVersion, Rollout, RolloutScope
from mlops.rollouts.constants import EVERYONE, MAX_ARMS, MAX_SCOPES, MAX_STEPS, RESERVED_NAMES, Mode
from mlops.rollouts.errors import RolloutConflictError, RolloutError
from mlops.routing.labels import LabelMap, LabelMapError
from mlops.selectors import version_folder


@dataclass(frozen=True, slots=True)
class ArmSpec:
    """An arm as somebody asks for it."""

    name: str
    version: ModelVersion
    weight: float
    mode: str = Mode.LIVE
    champion: bool = False
    label_map: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """A rollout as somebody asks for it; ``limits`` are fields of ``Rollout``."""

    name: str
    arms: Sequence[ArmSpec]
    scopes: Sequence[str] = (EVERYONE,)
    unit: str = "subject"
    schedule: Sequence[Mapping[str, Any]] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)


def spec_check(spec: RolloutSpec) -> None:
    """Everything that is wrong with *spec* in itself.

    Raises:
        RolloutError: naming the first mistake.
    """
    if spec.name in RESERVED_NAMES:
        raise _wrong(f"No rollout may be called {spec.name!r}.", "name_reserved", "name")
    arms_check(spec.arms)
    scopes_check(spec.scopes)
    schedule_check(spec.schedule, spec.arms)


def arms_check(arms: Sequence[ArmSpec]) -> None:
    """One champion, positive weights, versions that load, labels that fit.

    Raises:
        RolloutError: naming the arm.
    """
    _shape_check(arms)
    (champion,) = (arm for arm in arms if arm.champion)
    for arm in arms:
        version_check(arm.version, arm.name)
        labels_check(arm, champion)


def _shape_check(arms: Sequence[ArmSpec]) -> None:
    if not 1 <= len(arms) <= MAX_ARMS:
        raise _wrong(f"A rollout has 1 to {MAX_ARMS} arms, not {len(arms)}.", "arms_count")
    names = [arm.name for arm in arms]
    if len(set(names)) != len(names):
        raise _wrong("Two arms have the same name.", "arm_name_twice")
    champions = [arm.name for arm in arms if arm.champion]
    if len(champions) != 1:
        found = ", ".join(champions) or "none"
        raise _wrong(f"Exactly one arm is the champion; found: {found}.", "champion_count")
    if any(arm.champion and arm.mode != Mode.LIVE for arm in arms):
        raise _wrong("The champion is a live arm.", "champion_not_live")
    for arm in arms:
        if not 0 <= arm.weight < float("inf"):
            detail = f"The weight of {arm.name!r} must be 0 or more, not {arm.weight}."
            raise _wrong(detail, "weight_invalid")
        if arm.mode == Mode.SHADOW and not 0 < arm.weight <= 1:
            detail = f"The weight of the shadow {arm.name!r} is a share over 0 up to 1."
            raise _wrong(detail, "shadow_share_invalid")
    if sum(arm.weight for arm in arms if arm.mode == Mode.LIVE) <= 0:
        raise _wrong("The weights of the live arms must add up to more than 0.", "weights_sum")


def version_check(version: ModelVersion, arm: str) -> None:
    """Whether *version* can be loaded: of the right status, with whole files.

    Raises:
        RolloutError: naming the arm and the reason.
    """
    if version.status not in (Status.VALIDATED, Status.PRODUCTION):
        detail = f"The version of {arm!r}, {version}, is {version.status}, not validated."
        raise _wrong(detail, "version_not_validated")
    try:
        artifact_verify(version_folder(version))
    except (ArtifactError, OSError) as error:
        detail = f"The version of {arm!r}, {version}, cannot be loaded: {error}"
        raise _wrong(detail, "version_not_loadable") from error


def labels_check(arm: ArmSpec, champion: ArmSpec) -> None:
    """Whether *arm* answers in the champion's labels, or has a map into them.

    Raises:
        RolloutError: naming the labels.
    """
    own, target = arm.version.product_labels, champion.version.product_labels
    if arm.label_map is None:
        if own != target:
            extra = ", ".join(sorted(set(own) ^ set(target))[:8]) or "another order"
            detail = (
                f"{arm.name!r} has other labels than the champion ({extra}); give it a "
                "label_map, the champion's label or null for each of its own."
            )
            raise _wrong(detail, "labels_differ")
        return
    try:
        LabelMap.of(arm.label_map, source=own, target=target)
    except LabelMapError as error:
        raise _wrong(f"The label_map of {arm.name!r}: {error}.", "label_map_invalid") from error


def scopes_check(scopes: Sequence[str]) -> None:
    """Whether *scopes* exist and do not overlap among themselves.

    Raises:
        RolloutError: naming the scope.
    """
    if not 1 <= len(scopes) <= MAX_SCOPES:
        detail = f"A rollout has 1 to {MAX_SCOPES} scopes, not {len(scopes)}."
        raise _wrong(detail, "scopes_count", "scopes")
    for scope in scopes:
        kind, _, name = scope.partition(":")
        known = (
            scope == EVERYONE
            or (kind == "tier" and Tier.objects.filter(pk=name).exists())
            or (kind == "key" and ApiKey.objects.filter(lookup_id=name).exists())
        )
        if not known:
            detail = f"There is no scope {scope!r}; expected everyone, tier:NAME or key:ID."
            raise _wrong(detail, "scope_unknown", "scopes")
    if len(set(scopes)) != len(scopes) or (EVERYONE in scopes and len(scopes) > 1):
        raise _wrong("The scopes overlap among themselves.", "scopes_overlap", "scopes")


def overlap_check(rollout: Rollout) -> None:
    """Whether *rollout* may run beside those that run already.

    The database refuses two equal scopes by itself; this finds a key inside a tier, too.

    Raises:
        RolloutConflictError: naming the other rollout.
    """
    running = RolloutScope.objects.filter(running=True).exclude(rollout=rollout)
    others = [(each.scope, each.rollout.name) for each in running.select_related("rollout")]
    for scope in rollout.scopes.values_list("scope", flat=True):
        for other, name in others:
            if scopes_overlap(scope, other):
                detail = f"The scope {scope} overlaps with {other} of the running rollout {name}."
                raise RolloutConflictError(detail, code="scopes_overlap", field="scopes")


def scopes_overlap(one: str, other: str) -> bool:
    """Whether a caller can be in both."""
    if EVERYONE in (one, other) or one == other:
        return True
    kinds = {scope.partition(":")[0]: scope.partition(":")[2] for scope in (one, other)}
    if set(kinds) != {"tier", "key"}:
        return False
    return ApiKey.objects.filter(lookup_id=kinds["key"], user__tier=kinds["tier"]).exists()


def schedule_check(schedule: Sequence[Mapping[str, Any]], arms: Sequence[ArmSpec]) -> None:
    """Rising shares with a time for each, and one arm to raise.

    Raises:
        RolloutError: naming the step.
    """
    if not schedule:
        return
    if len(schedule) > MAX_STEPS:
        raise _wrong(f"A schedule has at most {MAX_STEPS} steps.", "schedule_long", "schedule")
    if sum(arm.mode == Mode.LIVE and not arm.champion for arm in arms) != 1:
        detail = "A schedule needs exactly one live arm beside the champion: the one it raises."
        raise _wrong(detail, "schedule_arms", "schedule")
    before = 0.0
    for number, step in enumerate(schedule):
        share, minutes = step.get("share"), step.get("minutes")
        good = _number(share) and _number(minutes) and set(step) == {"share", "minutes"}
        if not good or not before < float(share or 0) < 1 or float(minutes or 0) <= 0:
            detail = (
                f"Step {number} is {dict(step)}; expected a share over {before:g} and below 1, "
                "and minutes over 0."
            )
            raise _wrong(detail, "schedule_step", "schedule")
        before = float(share or 0)


def fields_check(rollout: Rollout) -> None:
    """What the model's own fields allow.

    Raises:
        RolloutError: naming the first field that is wrong.
    """
    try:
        rollout.full_clean(exclude=["created_by", "winner", "schedule"])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise _wrong(f"{name}: {messages[0]}", "invalid", name) from error


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(detail: str, code: str, where: str = "arms") -> RolloutError:
    return RolloutError(detail, code=code, field=where)
