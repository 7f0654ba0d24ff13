"""A spool past its limit: answers go on, new bulk work over the log waits"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from accounts.models import User
from mlops.log.spool import Spool
from tests.conftest import Actor, Server, actor, server_environment, server_start, server_stop
from tests.waiting import wait_for

LIMIT = 1_000_000
EXPORTS = "/api/v1/predictions/exports/"


@pytest.fixture(scope="module")
def small(version_folder_int8, tmp_path_factory, django_db_blocker) -> Iterator[Server]:
    """A server whose spool may hold a megabyte."""
    data_dir = tmp_path_factory.mktemp("small")
    with django_db_blocker.unblock():
        environment = server_environment(data_dir) | {"LOG_SPOOL_BYTES": str(LIMIT)}
        running = server_start(environment, data_dir)
        yield running
        server_stop(running)


@pytest.fixture
def caller(small) -> Iterator[Actor]:
    yield from actor(small, User.objects.create_user("pressure@example.org"))


@pytest.fixture
def neighbour(small) -> Iterator[Spool]:
    """Another process of the host that cannot move its file on."""
    spool = Spool(small.data_dir / "spool", "live")
    yield spool
    spool.close()


def asked_until(caller: Actor, *statuses: int) -> httpx.Response:
    """The first answer to a wish for an export that has one of *statuses*."""
    answers: list[httpx.Response] = []

    def told() -> bool:
        assert caller.analyze(texts=["One", "Two", "Three"]).status_code == 200
        answers.append(caller.client.post(EXPORTS, json={}))
        return answers[-1].status_code in statuses

    wait_for(told, lambda: answers[-1].text)
    return answers[-1]


def test_it_works(caller, neighbour):
    assert asked_until(caller, 202)
    neighbour.append(b"x" * 2 * LIMIT)
    refused = asked_until(caller, 503)
    (error,) = refused.json()["errors"]
    assert error["code"] == "log_behind"
    assert "LOG_SPOOL_BYTES" in error["detail"]
    assert refused.headers["Retry-After"] == "60"
    sealed = neighbour.seal()
    assert sealed
    sealed.discard()
    assert asked_until(caller, 202, 429)  # 429: the most that one user may have waiting
