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

from accounts.models import ApiKey
from emotions.pins import RESOLVE_SECONDS
from mlops.selectors import version_serving

SECONDS = 120


@pytest.fixture(autouse=True)
def _database(server, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        if connection.vendor != "postgresql":
            pytest.skip("SQLite is a file; it goes away with its machine")
        yield


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
    deadline = time.monotonic() + SECONDS
    while (healed := member.client.get("/api/v1/predictions/")).status_code != 200:
        assert time.monotonic() < deadline, healed.text
    assert member.analyze(text="After the outage").status_code == 200


def answered_by(member, text: str) -> str:
    """The digest of the version that answered, as far as the header tells."""
    return member.analyze(text=text).headers.get("X-Model-Version", "").partition("@")[2]


def test_a_pinned_key_is_answered_by_its_version(member):
    pinned = version_serving().parent
    keys = ApiKey.objects.filter(user=member.user)
    keys.update(pinned_model=pinned.name)
    deadline = time.monotonic() + SECONDS
    # The pin is seen within two seconds, and the version is loaded.
    while answered_by(member, "Pinned, before") != pinned.digest[:12]:
        assert time.monotonic() < deadline
    with outage():
        # Longer than a name is believed without asking.
        until = time.monotonic() + 2 * RESOLVE_SECONDS
        while time.monotonic() < until:
            assert answered_by(member, "Pinned, during") == pinned.digest[:12]
    keys.update(pinned_model="")
