"""The engine: the loaded versions and the routes to them, shared by all threads of a process.

``engine`` is the singleton. It costs nothing until ``start()``, which serving processes call.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from emotions.answering import Answer, Route, TextResult, Timings, texts_answer
from emotions.engine_config import EngineConfig, nothing_pinned
from emotions.fleet import Fleet, Routes, routes_make
from emotions.guard import ErrorGuard, Trip
from emotions.pins import Pins, VersionLoadingError
from emotions.shadow import shadow_jobs
from mlops.api import Caller as LogCaller
from mlops.inference.classifier import Classifier
from mlops.inference.errors import InferenceError, NotReadyError
from mlops.routing.table import Caller, RoutingTable, Serving

__all__ = ["Answer", "Engine", "EngineConfig", "Route", "TextResult", "Timings", "engine"]
logger = logging.getLogger(__name__)
# How often a serving process asks for the routing table: a change is seen within two seconds,
# at half a millisecond of CPU each time.
WATCH_SECONDS = 1.5
# How long a request waits for a pinned version that is being loaded.
PIN_SECONDS = 3.0
PROBE = "A short sentence that takes the whole way through the queue."


class Engine:
    """Texts in, calibrated probabilities out, from the version that the caller is routed to."""

    def __init__(self) -> None:
        self._config: EngineConfig | None = None
        self._fleet: Fleet | None = None
        self._pins = Pins(nothing_pinned, 0)
        self._routes: Routes | None = None
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._stopping: threading.Event | None = None
        self._wake = threading.Event()
        self._watched = False
        self._guard = ErrorGuard()
        # Stopped here, and not yet known to be stopped by the database.
        self._tripped: dict[int, Trip] = {}
        self.error = ""

    def configure(self, config: EngineConfig) -> None:
        """Say where the model is. Cheap."""
        self._config = config
        self._pins = Pins(config.resolve, config.pinned_versions)
        if self._fleet is None:
            self._fleet = Fleet(config.runtime, config.queue_capacity, config.load_failed)

    def start(self, *, background: bool = True) -> None:
        """Load and warm the model once, then follow the routing table.

        Both happen in a thread of their own; with *background* false the first load does not,
        and changes are not followed.
        """
        with self._starting:
            if self._stopping:
                return
            stopping = self._stopping = threading.Event()
        self._watched = background
        if background:
            self._configured().starting()
            threading.Thread(
                target=self._watch, args=(stopping,), name="valence-load", daemon=True
            ).start()
        else:
            self.refresh()

    def stop(self) -> None:
        """Finish the queued texts and let the models go; ``start()`` may be called again."""
        if self._stopping:
            self._stopping.set()
            self._wake.set()
        self._routes, self._stopping, self._watched = None, None, False
        if self._config and self._config.shadows:
            self._config.shadows.stop()
        if self._fleet:
            self._fleet.close()

    def refresh(self) -> None:
        """Follow the routing table: load what it names, swap the routes, free the rest.

        What is loaded already answers at once; the others join one by one as they get warm.
        When production's new version cannot be loaded the old one stays and ``error`` says why.
        """
        try:
            self._refresh(self._configured(), self._fleet)
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            if message != self.error:  # once, not at every look
                logger.exception("the routing table could not be followed")
            self.error = message

    @property
    def classifier(self) -> Classifier:
        """The loaded model of production; NotReadyError, saying why, before there is one."""
        return self._ready().production.loaded.classifier

    @property
    def routed(self) -> bool:
        """Whether it matters who asks: some rollout runs."""
        return self._routes is not None and bool(self._routes.champions)

    @property
    def routes(self) -> Routes:
        """What requests go by at the moment; as ``classifier`` before that is known."""
        return self._ready()

    def analyze(
        self, texts: Sequence[str], caller: Caller | None = None, *, model: str = ""
    ) -> Answer:
        """Results in the order of *texts*; a text that the model fails on gets its own error.

        *caller* decides about the arm of a rollout; *model* names a version that overrides it.

        Raises:
            LookupError: if there is no version named *model*.
            NotReadyError: before a model is loaded.
            QueueFullError: if the texts do not fit into the queue.
            DeadlineExceededError: if the answer takes longer than the configured deadline.
        """
        config = self._configured()
        route = self._pinned(model) if model else self._ready().route(caller)
        try:
            return self._guarded(config, route, texts)
        except NotReadyError:
            # The version was let go after we took it and before we queued: its successor answers.
            again = self._pinned(model) if model else self._ready().route(caller)
            if again.loaded is route.loaded:
                raise
            return self._guarded(config, again, texts)

    def live(self) -> AbstractContextManager[None]:
        """While somebody is answered: no shadow computes on this host meanwhile."""
        runner = self._config.shadows if self._config else None
        return runner.held() if runner else nullcontext()

    def shadow(self, answer: Answer, caller: LogCaller, texts: Sequence[str]) -> None:
        """Show the same texts to the shadow arms that sample this request; later, if at all."""
        rollout, runner = answer.route.rollout, self._configured().shadows
        if rollout and rollout.shadows and runner:
            arms = rollout.shadowed(caller.request_id)
            for job in shadow_jobs(rollout_id=rollout.id, arms=arms, caller=caller, texts=texts):
                runner.offer(job)

    def probe(self) -> float:
        """Send one real text through production's real queue; milliseconds it took.

        Raises:
            InferenceError: whatever kept it from being answered.
        """
        config, loaded = self._configured(), self._ready().production.loaded
        started = time.perf_counter()
        texts = {object(): loaded.classifier.encode([PROBE])[0]}
        ticket = loaded.batcher.compute(texts, config.deadline)[0]
        if ticket.error:
            raise ticket.error
        return (time.perf_counter() - started) * 1000

    def _guarded(self, config: EngineConfig, route: Route, texts: Sequence[str]) -> Answer:
        """The answer, and its errors counted where an arm is answerable for them."""
        if route.arm is None:
            return texts_answer(route, config.cache, config.deadline, texts)
        try:
            answer = texts_answer(route, config.cache, config.deadline, texts)
        except NotReadyError:
            raise
        except InferenceError as error:
            error.route = route
            self._observe(route, len(texts), [error] * len(texts))
            raise
        failed = [each for each in answer.results if isinstance(each, InferenceError)]
        self._observe(route, len(texts), failed)
        return answer

    def _observe(self, route: Route, documents: int, errors: list[InferenceError]) -> None:
        rollout, arm = route.rollout, route.arm
        assert rollout
        assert arm
        trip = self._guard.observe(
            rollout_id=rollout.id,
            arm_id=arm.id,
            champion_id=rollout.champion.id,
            limits=rollout.limits,
            documents=documents,
            errors=errors,
        )
        if trip and arm.id not in self._tripped:
            self._stop_arm(trip)

    def _stop_arm(self, trip: Trip) -> None:
        """Route around the arm at once; the watcher tells the database and so the others."""
        logger.warning(
            "arm %s of rollout %s stopped: %s", trip.arm_id, trip.rollout_id, trip.reason
        )
        with self._changed:
            self._tripped[trip.arm_id] = trip
            before = self._routes
            if before and self._fleet:
                table = before.table.without(frozenset(self._tripped))
                self._routes = routes_make(self._fleet, table, self._pins.servings(), before)
        self._wake.set()

    def _watch(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._wake.clear()
            self.refresh()
            self._wake.wait(WATCH_SECONDS)

    def _refresh(self, config: EngineConfig, fleet: Fleet | None) -> None:
        assert fleet is not None
        self._report_trips(config)
        table = config.routing().without(frozenset(self._tripped))
        pins = self._pins.servings()
        wanted = [*table.servings(), *pins]
        self._swap(fleet, table, pins)
        if config.shadows:
            config.shadows.follow(table)
        for serving in fleet.missing(wanted):
            if fleet.load(serving):
                self._swap(fleet, table, pins)
        kept = {each.digest for each in wanted}
        if self._routes:
            kept.add(self._routes.production.serving.digest)
        fleet.keep(kept)
        self.error = "; ".join(fleet.errors.values())
        with self._changed:
            self._changed.notify_all()

    def _swap(self, fleet: Fleet, table: RoutingTable, pins: Sequence[Serving]) -> None:
        with self._changed:
            table = table.without(frozenset(self._tripped))
            before = self._routes
            self._routes = routes_make(fleet, table, pins, before)
            self._changed.notify_all()
        gone = _arm_ids(before) - _arm_ids(self._routes)
        if gone:
            self._guard.forget(gone)

    def _report_trips(self, config: EngineConfig) -> None:
        for arm_id, trip in list(self._tripped.items()):
            try:
                config.tripped(trip)
            except Exception:
                # The arm stays stopped here; the other processes learn of it when this succeeds.
                logger.exception("the stop of arm %s could not be written down", arm_id)
            else:
                # From now on the table says so, and an operator can start the arm again.
                del self._tripped[arm_id]

    def _pinned(self, model: str) -> Route:
        serving = self._pins.named(model)
        new = self._pins.use(serving)
        routes = self._ready()
        if serving.digest in routes.pins:
            return routes.pins[serving.digest]
        if self._watched and new:
            self._wake.set()
        elif not self._watched:
            self.refresh()
        with self._changed:
            self._changed.wait_for(lambda: self._pin_settled(serving.digest), PIN_SECONDS)
        if serving.digest in self._ready().pins:
            return self._ready().pins[serving.digest]
        why = self._fleet.errors.get(serving.digest, "") if self._fleet else ""
        raise VersionLoadingError(why or f"{model} is being loaded")

    def _pin_settled(self, digest: str) -> bool:
        failed = self._fleet is not None and digest in self._fleet.errors
        return failed or (self._routes is not None and digest in self._routes.pins)

    def _ready(self) -> Routes:
        if self._routes is None:
            raise NotReadyError(self.error or "the model is being loaded")
        return self._routes

    def _configured(self) -> EngineConfig:
        if self._config is None:
            raise NotReadyError("the engine is not configured")
        return self._config


def _arm_ids(routes: Routes | None) -> set[int]:
    return set(routes.arms) if routes else set()


engine = Engine()
