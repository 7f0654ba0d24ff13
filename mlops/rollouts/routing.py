"""The routing table as the database has it now."""

from __future__ import annotations

from collections.abc import Iterable

from mlops.models import Arm, ModelVersion, Rollout, RolloutScope
from mlops.rollouts.constants import EVERYONE, Mode, RolloutState
from mlops.routing.labels import LabelMap
from mlops.routing.table import ArmRoute, GuardLimits, RolloutRoute, RoutingTable, Serving
from mlops.selectors import serving_artifact, version_folder, version_named


def routing_table() -> RoutingTable | None:
    """Production and the running rollouts; None before the first promotion.

    Asked all the time: two small queries where no rollout runs.
    """
    production = serving_artifact()
    if production is None:
        return None
    everyone: RolloutRoute | None = None
    tiers: dict[str, RolloutRoute] = {}
    keys: dict[str, RolloutRoute] = {}
    for rollout in _running():
        route = _route(rollout)
        for scope in rollout.scopes.all():
            kind, _, name = scope.scope.partition(":")
            if scope.scope == EVERYONE:
                everyone = route
            else:
                (tiers if kind == "tier" else keys)[name] = route
    return RoutingTable(Serving(*production), everyone, tiers, keys)


def version_pinned(name: str) -> Serving:
    """What ``NAME`` or ``NAME:NUMBER`` means, to be loaded for whoever asked for it.

    Raises:
        VersionNotFoundError: if there is no such version.
    """
    return _serving(version_named(name))


def _running() -> Iterable[Rollout]:
    ids = RolloutScope.objects.filter(running=True).values_list("rollout_id", flat=True)
    found = set(ids)
    if not found:
        return []
    rollouts = Rollout.objects.filter(pk__in=found, state=RolloutState.RUNNING)
    return rollouts.prefetch_related("scopes", "arms__version__model").order_by("pk")


def _route(rollout: Rollout) -> RolloutRoute:
    arms = list(rollout.arms.all())
    (champion,) = (arm for arm in arms if arm.champion)
    routes = {arm.pk: _arm_route(arm, champion) for arm in arms}
    return RolloutRoute(
        id=rollout.pk,
        salt=rollout.salt,
        unit=rollout.unit,
        champion=routes[champion.pk],
        live=tuple(routes[arm.pk] for arm in arms if arm.mode == Mode.LIVE),
        shadows=tuple(routes[arm.pk] for arm in arms if arm.mode == Mode.SHADOW),
        limits=GuardLimits(rollout.error_margin, rollout.min_errors),
    )


def _arm_route(arm: Arm, champion: Arm) -> ArmRoute:
    label_map = None
    if arm.label_map is not None:
        label_map = LabelMap.of(
            arm.label_map,
            source=arm.version.product_labels,
            target=champion.version.product_labels,
        )
    return ArmRoute(
        id=arm.pk,
        name=arm.name,
        serving=_serving(arm.version),
        weight=arm.weight,
        paused=arm.paused_at is not None,
        label_map=label_map,
    )


def _serving(version: ModelVersion) -> Serving:
    return Serving(version.digest, version_folder(version), version.pk)
