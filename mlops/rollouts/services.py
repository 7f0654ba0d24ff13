"""The life of a rollout: made, started, ramped, paused, concluded."""

from __future__ import annotations

import logging
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.api import User
from mlops.models import Arm, Rollout, RolloutEvent, RolloutScope
from mlops.rollouts import metrics
from mlops.rollouts.alerts import alert_send
from mlops.rollouts.constants import Mode, RolloutAction, RolloutState
from mlops.rollouts.errors import RolloutConflictError, RolloutError
from mlops.rollouts.specs import specs_of
from mlops.rollouts.validation import (
    RolloutSpec,
    arms_check,
    fields_check,
    overlap_check,
    spec_check,
)
from mlops.routing.assignment import weight_for_share
from mlops.services.versions import version_promote

logger = logging.getLogger(__name__)


@transaction.atomic
def rollout_create(*, spec: RolloutSpec, actor: User | None = None) -> Rollout:
    """A draft of *spec*; nothing is routed by it yet.

    Raises:
        RolloutError: naming what is wrong; nothing is stored then.
    """
    spec_check(spec)
    rollout = Rollout(
        name=spec.name,
        unit=spec.unit,
        schedule=[dict(step) for step in spec.schedule],
        created_by=actor,
        **spec.limits,
    )
    fields_check(rollout)
    rollout.save()
    for scope in spec.scopes:
        RolloutScope.objects.create(rollout=rollout, scope=scope)
    for arm in spec.arms:
        Arm.objects.create(
            rollout=rollout,
            name=arm.name,
            version=arm.version,
            mode=arm.mode,
            weight=arm.weight,
            champion=arm.champion,
            label_map=arm.label_map,
        )
    _event(rollout, RolloutAction.CREATED, actor)
    return rollout


def rollout_start(*, rollout: Rollout, actor: User | None = None, reason: str = "") -> Rollout:
    """Route callers by *rollout*: within two seconds, and as soon as its versions are loaded.

    Raises:
        RolloutError: if a version cannot be loaded any more.
        RolloutConflictError: if it is no draft, or another rollout runs in its scope.
    """
    with transaction.atomic():
        rollout = _locked(rollout, RolloutState.DRAFT)
        if rollout.schedule:
            _share_set(_ramped(rollout), rollout.schedule[0]["share"])
        return _run(rollout, RolloutAction.STARTED, actor, reason)


def rollout_resume(*, rollout: Rollout, actor: User | None = None, reason: str = "") -> Rollout:
    """Route by a paused rollout again.

    Raises:
        RolloutError: if a version cannot be loaded any more.
        RolloutConflictError: if it is not paused, or another rollout runs in its scope.
    """
    with transaction.atomic():
        return _run(_locked(rollout, RolloutState.PAUSED), RolloutAction.RESUMED, actor, reason)


@transaction.atomic
def rollout_pause(*, rollout: Rollout, actor: User | None = None, reason: str = "") -> Rollout:
    """Let production answer everybody until the rollout is resumed.

    Raises:
        RolloutConflictError: if it does not run.
    """
    rollout = _locked(rollout, RolloutState.RUNNING)
    rollout.state = RolloutState.PAUSED
    rollout.save(update_fields=["state"])
    rollout.scopes.update(running=False)
    _event(rollout, RolloutAction.PAUSED, actor, reason=reason)
    return rollout


@transaction.atomic
def rollout_ramp(
    *, rollout: Rollout, arm: str, share: float, actor: User | None = None, reason: str = ""
) -> Rollout:
    """Give *arm* that share of the subjects (live) or of the requests (shadow).

    The other arms keep their weights among themselves, and none of their subjects changes
    between them. Comparisons start anew.

    Raises:
        RolloutError: for an unknown arm, the champion, or a share that is none.
        RolloutConflictError: if the rollout is concluded.
    """
    rollout = _locked(rollout, RolloutState.DRAFT, RolloutState.RUNNING, RolloutState.PAUSED)
    found = arm_named(rollout, arm)
    if found.champion:
        detail = "The champion has what the others leave; ramp another arm."
        raise RolloutError(detail, code="champion_ramped", field="arm")
    before = found.weight
    _share_set(found, share)
    rollout.stage_at = timezone.now()
    rollout.save(update_fields=["stage_at"])
    weights = {"share": share, "weight": found.weight, "before": before}
    _event(rollout, RolloutAction.RAMPED, actor, arm=found, reason=reason, detail=weights)
    return rollout


def arm_pause(
    *,
    arm: Arm,
    actor: User | None = None,
    reason: str,
    detail: dict[str, Any] | None = None,
) -> bool:
    """Send an arm's subjects to the champion; False if that is so already.

    Without an actor a guardrail did it: that is logged, counted and sent to the webhook.

    Raises:
        RolloutError: for the champion, to whom subjects return.
    """
    with transaction.atomic():
        arm = Arm.objects.select_for_update(of=("self",)).select_related("rollout").get(pk=arm.pk)
        if arm.champion:
            raise RolloutError(
                "The champion cannot be paused; pause the rollout.",
                code="champion_paused",
                field="arm",
            )
        if arm.paused_at:
            return False
        arm.paused_at, arm.pause_reason = timezone.now(), reason[:500]
        arm.save(update_fields=["paused_at", "pause_reason"])
        event = _event(
            arm.rollout, RolloutAction.ARM_PAUSED, actor, arm=arm, reason=reason, detail=detail
        )
        if actor is None:
            transaction.on_commit(lambda: _alarm(event))
    return True


def arm_stop(*, arm_id: int, reason: str, detail: dict[str, Any]) -> bool:
    """What a guardrail does: pause the arm, unless somebody did or the arm is gone."""
    arm = Arm.objects.filter(pk=arm_id, champion=False).first()
    return arm is not None and arm_pause(arm=arm, reason=reason, detail=detail)


@transaction.atomic
def arm_resume(*, arm: Arm, actor: User | None = None, reason: str = "") -> Arm:
    """Give a paused arm its subjects back; comparisons start anew.

    Raises:
        RolloutConflictError: if it is not paused.
    """
    arm = Arm.objects.select_for_update(of=("self",)).select_related("rollout").get(pk=arm.pk)
    if not arm.paused_at:
        raise RolloutConflictError(f"{arm} is not paused.", code="arm_not_paused", field="arm")
    arm.paused_at, arm.pause_reason = None, ""
    arm.save(update_fields=["paused_at", "pause_reason"])
    Rollout.objects.filter(pk=arm.rollout_id).update(stage_at=timezone.now())
    _event(arm.rollout, RolloutAction.ARM_RESUMED, actor, arm=arm, reason=reason)
    return arm


@transaction.atomic
def rollout_conclude(
    *, rollout: Rollout, winner: str = "", actor: User | None = None, reason: str = ""
) -> Rollout:
    """End a rollout; with a *winner* its version is promoted in the same step.

    Raises:
        RolloutError: for an unknown arm, or one whose label map production would not have.
        RolloutConflictError: if it is a draft or concluded already.
        IllegalTransitionError, ArtifactError: if the winner cannot be promoted.
    """
    rollout = _locked(rollout, RolloutState.RUNNING, RolloutState.PAUSED)
    arm = arm_named(rollout, winner, field="winner") if winner else None
    rollout.state, rollout.concluded_at = RolloutState.CONCLUDED, timezone.now()
    rollout.winner = arm
    rollout.save(update_fields=["state", "concluded_at", "winner"])
    rollout.scopes.update(running=False)
    _event(rollout, RolloutAction.CONCLUDED, actor, arm=arm, reason=reason)
    if arm:
        why = f"won the rollout {rollout}" + (f": {reason}" if reason else "")
        version_promote(version=arm.version, actor=actor, reason=why[:500])
    return rollout


def _run(rollout: Rollout, action: RolloutAction, actor: User | None, reason: str) -> Rollout:
    arms_check(specs_of(rollout))
    # All that could run are locked in one order: two starts at once see each other.
    list(Rollout.objects.select_for_update().exclude(state=RolloutState.CONCLUDED).order_by("pk"))
    overlap_check(rollout)
    now = timezone.now()
    rollout.state, rollout.stage_at = RolloutState.RUNNING, now
    rollout.started_at = rollout.started_at or now
    rollout.save(update_fields=["state", "stage_at", "started_at"])
    try:
        rollout.scopes.update(running=True)
    except IntegrityError as error:
        detail = "Another rollout runs in one of these scopes."
        raise RolloutConflictError(detail, code="scopes_overlap", field="scopes") from error
    _event(rollout, action, actor, reason=reason)
    return rollout


def _locked(rollout: Rollout, *states: RolloutState) -> Rollout:
    rollout = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if rollout.state not in states:
        allowed = " or ".join(states)
        detail = f"The rollout {rollout} is {rollout.state}, not {allowed}."
        raise RolloutConflictError(detail, code="illegal_transition")
    return rollout


def arm_named(rollout: Rollout, name: str, *, field: str = "arm") -> Arm:
    """The arm called *name*.

    Raises:
        RolloutError: listing the arms there are.
    """
    arms = {arm.name: arm for arm in rollout.arms.select_related("version__model")}
    if name not in arms:
        detail = f"The rollout {rollout} has no arm {name!r}; it has {', '.join(arms)}."
        raise RolloutError(detail, code="arm_unknown", field=field)
    return arms[name]


def _ramped(rollout: Rollout) -> Arm:
    """The one arm that a schedule raises."""
    return rollout.arms.get(mode=Mode.LIVE, champion=False)


def _share_set(arm: Arm, share: float) -> None:
    if arm.mode == Mode.SHADOW:
        if not 0 < share <= 1:
            raise RolloutError(
                "A share is over 0 and up to 1.", code="share_invalid", field="share"
            )
        arm.weight = share
    else:
        live = Arm.objects.filter(rollout=arm.rollout_id, mode=Mode.LIVE).exclude(pk=arm.pk)
        others = sum(live.values_list("weight", flat=True))
        try:
            arm.weight = weight_for_share(share, others=others)
        except ValueError as error:
            raise RolloutError(
                "A share is from 0 to below 1.", code="share_invalid", field="share"
            ) from error
    arm.save(update_fields=["weight"])


def _event(
    rollout: Rollout,
    action: RolloutAction,
    actor: User | None,
    *,
    arm: Arm | None = None,
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> RolloutEvent:
    logger.info("rollout %s: %s %s %s", rollout, action, arm.name if arm else "", reason)
    return RolloutEvent.objects.create(
        rollout=rollout,
        arm=arm,
        action=action,
        actor=actor,
        reason=reason[:500],
        detail=detail or {},
    )


def _alarm(event: RolloutEvent) -> None:
    logger.error("guardrail: %s: %s", event.arm, event.reason)
    metrics.guardrail_count(str(event.detail.get("guardrail", "unknown")))
    alert_send(event)
