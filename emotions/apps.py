"""The emotion API. ``ready()`` configures the engine; serving processes start it."""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING, cast

from django.apps import AppConfig
from django.conf import settings
from django.db import close_old_connections, connection

from emotions.placement import cores, share_claim

if TYPE_CHECKING:
    from emotions.cache import ResultCache
    from emotions.guard import Trip
    from mlops.inference.backends import Device, Precision, RuntimeOptions, Shapes
    from mlops.routing.table import RoutingTable, Serving


class EmotionsConfig(AppConfig):
    """Creates the engine singleton: cheap, nothing is loaded here."""

    name = "emotions"

    def ready(self) -> None:
        from emotions import checks  # noqa: F401
        from emotions.engine import EngineConfig, engine
        from emotions.shadow import ShadowRunner

        engine.configure(
            EngineConfig(
                routing=routing_table,
                resolve=version_pinned,
                pinned_versions=settings.PINNED_VERSIONS,
                tripped=guardrail_tripped,
                load_failed=load_failed,
                shadows=ShadowRunner(
                    capacity=settings.SHADOW_QUEUE,
                    device=settings.INFERENCE_DEVICE,
                    # Of this host: others may share the disk, but neither memory nor clock.
                    folder=settings.DATA_DIR / "shadow" / socket.gethostname(),
                    quiet=settings.SHADOW_QUIET_MS / 1000,
                ),
                runtime=runtime_options(),
                queue_capacity=settings.INFERENCE_QUEUE,
                deadline=settings.INFERENCE_DEADLINE,
                cache=_result_cache(),
                starting=process_place,
            )
        )


def worker_processes() -> int:
    """Server processes: WORKERS, or one for every two cores."""
    return settings.WORKERS or max(1, cores() // 2)


def process_place() -> None:
    """Keep this server process to its share of the cores, where that is wanted."""
    if settings.PIN_WORKERS:
        # Of this host, as the shadows' folder.
        share_claim(worker_processes(), settings.DATA_DIR / "cores" / socket.gethostname())


def runtime_options() -> RuntimeOptions:
    """Device, threads and shape of one forward pass, from the settings."""
    from mlops.inference.backends import RuntimeOptions

    return RuntimeOptions(
        device=cast("Device", settings.INFERENCE_DEVICE),
        threads=settings.INFERENCE_THREADS or max(1, cores() // worker_processes()),
        compile=settings.INFERENCE_COMPILE,
        precision=cast("Precision", settings.INFERENCE_PRECISION),
        shapes=cast("Shapes", settings.INFERENCE_SHAPES),
        token_budget=settings.INFERENCE_BATCH_TOKENS,
    )


def routing_table() -> RoutingTable:
    """Which version answers whom, as the database has it now.

    Raises:
        NotReadyError: if no version was promoted yet.
    """
    from mlops.api import routing_table_current
    from mlops.inference.errors import NotReadyError

    _connection_keep()
    table = routing_table_current()
    if table is None:
        raise NotReadyError("no version is in production; run manage.py setup")
    return table


def _connection_keep() -> None:
    """One connection for a thread that asks all the time and never ends a request.

    Settings have connections end with their request; opening one costs PostgreSQL a process. One
    that the database has ended meanwhile is opened anew.
    """
    if connection.connection is not None and not connection.is_usable():
        connection.close()
    connection.ensure_connection()
    connection.close_at = None


def version_pinned(name: str) -> Serving:
    """The version that a caller asked for by *name*.

    Raises:
        LookupError: if there is none.
    """
    from mlops.api import version_pinned as pinned

    return pinned(name)


def guardrail_tripped(trip: Trip) -> None:
    """Write down, for all processes, that this one stopped an arm."""
    from mlops.api import arm_stop

    close_old_connections()
    arm_stop(arm_id=trip.arm_id, reason=trip.reason, detail=trip.detail)


def load_failed(digest: str, reason: str) -> None:
    """Write down, for the admin, that this process could not load a version."""
    from mlops.api import version_load_failed

    close_old_connections()
    version_load_failed(digest=digest, reason=reason)


def _result_cache() -> ResultCache:
    from django.core.cache import cache

    from emotions.cache import ResultCache

    return ResultCache(
        size=settings.RESULT_CACHE_SIZE,
        # Without Redis Django's cache is this process's memory: L1 is that already.
        shared=cache if settings.REDIS_URL else None,
        seconds=settings.RESULT_CACHE_SECONDS,
        secret=hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"valence.cache").digest(),
    )
