"""The versions that a process has in memory, and the routes to them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from emotions.answering import Loaded, Route, route_make
from emotions.metrics import cascade_counter
from emotions.preloading import preloaded
from mlops.inference.backends import RuntimeOptions
from mlops.inference.batcher import Batcher, BatcherLimits
from mlops.inference.cascade import Cascade
from mlops.inference.classifier import Classifier
from mlops.inference.memory import memory_release
from mlops.routing.table import Caller, RoutingTable, Serving

logger = logging.getLogger(__name__)
# By then whoever took a version before it was drained has its answer.
FREED_SECONDS = 2.0
# A version that failed to load is tried again after this many looks.
RETRY_LOOKS = 30


@dataclass(frozen=True, slots=True)
class Routes:
    """What one request goes by, from its first look to its last; swapped whole.

    ``production`` is a route of its own: without rollouts nothing else is looked at.
    """

    table: RoutingTable
    production: Route
    arms: Mapping[int, Route] = field(default_factory=dict)
    champions: Mapping[int, Route] = field(default_factory=dict)
    pins: Mapping[str, Route] = field(default_factory=dict)

    def route(self, caller: Caller | None) -> Route:
        """The route of *caller*. An arm that is paused or not loaded leaves it to the champion."""
        if not self.champions or caller is None:
            return self.production
        rollout = self.table.rollout_for(caller)
        if rollout is None:
            return self.production
        arm = rollout.choose(caller)
        found = self.arms.get(arm.id) if arm else None
        return found or self.champions.get(rollout.id, self.production)


class Fleet:
    """Loads versions one beside the other; lets those go that nothing routes to any more."""

    def __init__(
        self,
        runtime: RuntimeOptions,
        queue_capacity: int,
        load_failed: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._runtime, self._capacity = runtime, queue_capacity
        self._report = load_failed
        self._loaded: dict[str, Loaded] = {}
        self._failed: dict[str, int] = {}
        self.errors: dict[str, str] = {}

    def loaded(self, digest: str) -> Loaded | None:
        """The version of *digest* if it is in memory."""
        return self._loaded.get(digest)

    def missing(self, wanted: Iterable[Serving]) -> list[Serving]:
        """What should be loaded now: not there yet, and not failed a moment ago."""
        by_digest = {each.digest: each for each in wanted}
        return [
            each
            for each in by_digest.values()
            if each.digest not in self._loaded and self._due(each)
        ]

    def load(self, serving: Serving) -> bool:
        """Load and warm *serving*; False, with ``errors`` saying why, if that fails."""
        started = time.perf_counter()
        try:
            known = preloaded.take(serving.digest)
            classifier = known or Classifier.load(serving.folder, self._runtime)
        except Exception as error:
            self._failed[serving.digest] = RETRY_LOOKS
            message = f"{type(error).__name__}: {error}"
            if self.errors.get(serving.digest) != message:  # once, not at every attempt
                logger.exception("version %s could not be loaded", serving.digest[:12])
                self._write_down(serving.digest, message)
            self.errors[serving.digest] = message
            return False
        self.errors.pop(serving.digest, None)
        if isinstance(classifier, Cascade):
            # Only now: what warmed it is no traffic.
            classifier.heard = cascade_counter(classifier.manifest.version)
        limits = BatcherLimits(
            classifier.token_budget, self._capacity, classifier.lanes, classifier.widths
        )
        self._loaded[serving.digest] = Loaded(
            classifier, Batcher(classifier.predict_packed, limits)
        )
        # What was only needed to load: the file as it was read, the weights as they were stored.
        memory_release()
        logger.info(
            "loaded %s %s, digest %s, on %s in %.1f s",
            *(classifier.manifest.name, classifier.manifest.version, classifier.digest[:12]),
            *(classifier.device, time.perf_counter() - started),
        )
        return True

    def keep(self, digests: set[str]) -> None:
        """Drain and free every other version, each in a thread of its own."""
        for digest in set(self._loaded) - digests:
            self._drain(self._loaded.pop(digest))
        preloaded.keep(digests)
        for known in (self.errors, self._failed):
            for digest in set(known) - digests:
                del known[digest]

    def close(self) -> None:
        """Finish everything that is queued, and free all."""
        loaded, self._loaded = self._loaded, {}
        for each in loaded.values():
            each.batcher.close()

    def _write_down(self, digest: str, message: str) -> None:
        """For people who look at the version; readiness says it in any case."""
        try:
            self._report(digest, message)
        except Exception:
            logger.exception("that %s could not be loaded was not written down", digest[:12])

    def _drain(self, loaded: Loaded) -> None:
        # What is queued may take its time; the next change of routes must not wait for it.
        threading.Thread(
            target=_free, args=([loaded.batcher],), name="valence-drain", daemon=True
        ).start()

    def _due(self, serving: Serving) -> bool:
        looks = self._failed.get(serving.digest, 0)
        if looks > 1:
            self._failed[serving.digest] = looks - 1
            return False
        return True


def _free(batchers: list[Batcher]) -> None:
    """Let a version finish what it has; once nobody holds it any more, its memory goes back.

    In a list, because the thread keeps its arguments as long as it lives.
    """
    batchers.pop().close()
    time.sleep(FREED_SECONDS)
    memory_release()


def routes_make(
    fleet: Fleet, table: RoutingTable, pins: Iterable[Serving], before: Routes | None
) -> Routes | None:
    """Routes over what is loaded; production's stays as it was until the next one is there."""
    loaded = fleet.loaded(table.production.digest)
    if loaded:
        production = route_make(loaded, table.production)
    elif before:
        production = before.production
    else:
        return None
    arms, champions = _rollout_routes(fleet, table)
    return Routes(table, production, arms, champions, _pin_routes(fleet, pins))


def _rollout_routes(fleet: Fleet, table: RoutingTable) -> tuple[dict[int, Route], dict[int, Route]]:
    arms, champions = {}, {}
    for rollout in table.rollouts:
        for arm in (rollout.champion, *rollout.live):
            loaded = fleet.loaded(arm.serving.digest)
            if loaded and not arm.paused:
                arms[arm.id] = route_make(loaded, arm.serving, rollout=rollout, arm=arm)
        champion = fleet.loaded(rollout.champion.serving.digest)
        if champion:
            champions[rollout.id] = route_make(champion, rollout.champion.serving, rollout=rollout)
    return arms, champions


def _pin_routes(fleet: Fleet, pins: Iterable[Serving]) -> dict[str, Route]:
    found = ((each, fleet.loaded(each.digest)) for each in pins)
    return {each.digest: route_make(loaded, each, pinned=True) for each, loaded in found if loaded}
