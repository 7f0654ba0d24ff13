"""PostgreSQL is away: known callers are answered, what needs it says so, and it heals"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from django.db import connection
from psycopg import sql

from accounts.models import ApiKey, User
from emotions.pins import RESOLVE_SECONDS
from mlops.selectors import version_serving
from tests.conftest import Actor, actor
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def _database(server, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        if connection.vendor != "postgresql":
            pytest.skip("SQLite is a file; it goes away with its machine")
        yield


@pytest.fixture
def caller(server) -> Iterator[Actor]:
    """Nobody else's pin or limit, and no limit of its own."""
    user = User.objects.create_user("outage@example.org", tier_id="internal")
    yield from actor(server, user)
    user.delete()


@contextmanager
def outage() -> Iterator[None]:
    """The database refuses connections, and ends those that there are."""
    database = connection.settings_dict
    name = sql.Identifier(database["NAME"])
    connection.close()
    with psycopg.connect(
        dbname="postgres",
        autocommit=True,
        **{key: database[key.upper()] or None for key in ("host", "port", "user", "password")},
    ) as admin:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                [database["NAME"]],
            )
            yield
        finally:
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def code(response: httpx.Response) -> str:
    return response.json()["errors"][0]["code"]


def test_it_works(member):
    assert member.analyze(text="Before the outage").status_code == 200
    with outage():
        assert member.analyze(text="During the outage").status_code == 200
        lists = member.client.get("/api/v1/predictions/")
        assert (lists.status_code, code(lists)) == (503, "database_unavailable")
        assert lists.headers["Retry-After"] == "2"
    wait_for(lambda: member.client.get("/api/v1/predictions/").status_code == 200)
    assert member.analyze(text="After the outage").status_code == 200


def answered_by(caller: Actor, text: str) -> str:
    """The digest of the version that answered, as far as the header tells."""
    return caller.analyze(text=text).headers.get("X-Model-Version", "").partition("@")[2]


def test_a_pinned_key_is_answered_by_its_version(caller):
    pinned = version_serving().parent
    digest = pinned.digest[:12]
    ApiKey.objects.filter(user=caller.user).update(pinned_model=pinned.name)
    # The pin is seen within two seconds, and the version is loaded.
    wait_for(lambda: answered_by(caller, "Pinned, before") == digest)
    answers: set[str] = set()
    with outage():
        # Longer than a name is believed without asking.
        until = time.monotonic() + 2 * RESOLVE_SECONDS
        while time.monotonic() < until:
            answers.add(answered_by(caller, "Pinned, during"))
    assert answers == {digest}
