"""Engines of a test's own, and a process that shadows run in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emotions.cache import ResultCache
from emotions.engine import Engine, EngineConfig
from mlops.inference.backends import RuntimeOptions
from mlops.inference.child import Child
from mlops.inference.manifest import manifest_read
from mlops.routing.table import RoutingTable, Serving
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def serving(version_folder_int8) -> Serving:
    return Serving(manifest_read(version_folder_int8).digest, version_folder_int8)


@pytest.fixture(scope="module")
def child(serving) -> Iterator[Child]:
    made = Child(serving.folder, "cpu")
    yield made
    made.close()


def result_cache(shared=None, size: int = 100) -> ResultCache:
    return ResultCache(size=size, shared=shared, seconds=60, secret=b"a secret of the tests")


@pytest.fixture
def engine_config(version_folder_int8: Path) -> EngineConfig:
    shipped = Serving(manifest_read(version_folder_int8).digest, version_folder_int8)
    return EngineConfig(
        routing=lambda: RoutingTable(shipped),
        runtime=RuntimeOptions(device="cpu", threads=1),
        queue_capacity=200,
        deadline=PATIENCE,
        cache=result_cache(),
    )


@pytest.fixture
def engine(engine_config: EngineConfig) -> Iterator[Engine]:
    made = Engine()
    made.configure(engine_config)
    made.start(background=False)
    yield made
    made.stop()
