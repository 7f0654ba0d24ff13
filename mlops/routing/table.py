"""The routing table: which version answers whom. Immutable; a process swaps it whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlops.routing.assignment import arm_choose, sampled
from mlops.routing.labels import LabelMap


@dataclass(frozen=True, slots=True)
class Serving:
    """A version that can be loaded: its digest, and where it lies."""

    digest: str
    folder: Path
    version_id: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom an answer is for, as far as routing asks; a word that is not known is empty."""

    subject: str = ""
    key: str = ""
    user: str = ""
    tier: str = ""
    request: str = ""

    def unit(self, unit: str) -> str:
        """What is assigned to an arm: the first that is known, from *unit* outwards.

        A subject is its user's: two customers may both have a "user-1". The prefix keeps a
        subject that is named like a key from being that key.
        """
        if unit == "request":
            return f"request:{self.request}"
        if unit == "subject" and self.subject:
            return f"subject:{self.user}:{self.subject}"
        if unit in ("subject", "key") and self.key:
            return f"key:{self.key}"
        return f"user:{self.user}"


@dataclass(frozen=True, slots=True)
class ArmRoute:
    """One arm; for a shadow arm the weight is the share of requests that it sees."""

    id: int
    name: str
    serving: Serving
    weight: float
    paused: bool = False
    label_map: LabelMap | None = None


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """When errors alone stop an arm, on the spot."""

    error_margin: float = 0.02
    min_errors: int = 5


@dataclass(frozen=True, slots=True)
class RolloutRoute:
    """A running rollout: ``live`` holds the champion, too, and the paused arms."""

    id: int
    salt: str
    unit: str
    champion: ArmRoute
    live: tuple[ArmRoute, ...]
    shadows: tuple[ArmRoute, ...] = ()
    limits: GuardLimits = field(default_factory=GuardLimits)

    def choose(self, caller: Caller) -> ArmRoute | None:
        """The live arm of *caller*; None if that arm is paused.

        Such callers go to the champion but into nobody's figures: its own subjects stay as they
        were, and those of the other arms, too.
        """
        if len(self.live) == 1:
            return self.live[0]
        arm = arm_choose(self.live, salt=self.salt, subject=caller.unit(self.unit))
        return None if arm.paused else arm

    def shadowed(self, request: str) -> tuple[ArmRoute, ...]:
        """The shadow arms that see this request."""
        return tuple(
            arm
            for arm in self.shadows
            if not arm.paused
            and sampled(arm.weight, salt=self.salt, name=arm.name, subject=request)
        )

    def without(self, arms: frozenset[int]) -> RolloutRoute:
        """The same with these arms paused; the champion cannot be."""
        return replace(
            self,
            live=tuple(_paused(arm, arms - {self.champion.id}) for arm in self.live),
            shadows=tuple(_paused(arm, arms) for arm in self.shadows),
        )


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """Production, and the running rollouts by the callers they are for."""

    production: Serving
    everyone: RolloutRoute | None = None
    tiers: Mapping[str, RolloutRoute] = field(default_factory=dict)
    keys: Mapping[str, RolloutRoute] = field(default_factory=dict)

    @property
    def rollouts(self) -> tuple[RolloutRoute, ...]:
        """Each running rollout once."""
        every = [self.everyone, *self.tiers.values(), *self.keys.values()]
        return tuple({rollout.id: rollout for rollout in every if rollout}.values())

    def rollout_for(self, caller: Caller) -> RolloutRoute | None:
        """The rollout that *caller* takes part in."""
        return self.keys.get(caller.key) or self.tiers.get(caller.tier) or self.everyone

    def servings(self) -> Iterator[Serving]:
        """The versions that answer callers, the most important first."""
        yield self.production
        for rollout in self.rollouts:
            yield rollout.champion.serving
            yield from (arm.serving for arm in rollout.live if not arm.paused)

    def without(self, arms: frozenset[int]) -> RoutingTable:
        """The same with these arms paused."""
        if not arms:
            return self
        return replace(
            self,
            everyone=self.everyone and self.everyone.without(arms),
            tiers={name: rollout.without(arms) for name, rollout in self.tiers.items()},
            keys={name: rollout.without(arms) for name, rollout in self.keys.items()},
        )


def _paused(arm: ArmRoute, arms: frozenset[int]) -> ArmRoute:
    return replace(arm, paused=True) if arm.id in arms else arm
