"""The thread that follows the routing table has one connection to PostgreSQL, and heals"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from emotions.apps import routing_table
from mlops.selectors import version_serving


@pytest.fixture(autouse=True)
def _database(version_folder_int8, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        if connection.vendor != "postgresql":
            pytest.skip("SQLite's file stays open anyway")
        yield


def in_a_thread(work: Callable[[], object]) -> None:
    """Run *work* with a connection of its own, and raise what it raises."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(run).result()


def looked() -> int:
    """The backend that answered a look at the routing table."""
    digest = routing_table().production.digest
    assert digest == version_serving().digest
    return connection.connection.info.backend_pid


def test_it_works():
    def watch() -> None:
        first = looked()
        assert [looked() for _ in range(3)] == [first] * 3

    in_a_thread(watch)


def test_a_connection_that_the_database_ended_is_opened_anew():
    def watch() -> None:
        first = looked()
        in_a_thread(lambda: ended(first))
        assert looked() != first

    def ended(backend: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
            assert cursor.fetchone()[0]

    in_a_thread(watch)
