"""What the engine needs to know of the world around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emotions.cache import ResultCache
from emotions.guard import Trip
from emotions.shadow import ShadowRunner
from mlops.inference.backends import RuntimeOptions
from mlops.routing.table import RoutingTable, Serving


def nothing_pinned(name: str) -> Serving:
    """Where callers may not name a version.

    Raises:
        LookupError: always.
    """
    raise LookupError(f"no version {name!r}")


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the engine needs to know; made from the settings by ``EmotionsConfig``.

    ``tripped`` writes down that a guardrail stopped an arm; it may fail and is tried again.
    ``load_failed`` writes down why a version (its digest) could not be loaded. ``starting`` is
    called first in a process that serves.
    """

    routing: Callable[[], RoutingTable]
    runtime: RuntimeOptions
    queue_capacity: int
    deadline: float
    cache: ResultCache
    resolve: Callable[[str], Serving] = nothing_pinned
    pinned_versions: int = 2
    tripped: Callable[[Trip], None] = lambda _: None
    load_failed: Callable[[str, str], None] = lambda *_: None
    shadows: ShadowRunner | None = None
    starting: Callable[[], None] = lambda: None
