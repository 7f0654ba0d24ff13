"""What the tests of the request log share."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest

from accounts.models import User
from mlops.models import Prediction
from tests.conftest import Actor, Server, actor

SECONDS = 15


def rows_of(ids: Sequence[str]) -> dict[str, Prediction]:
    """The rows of *ids*, as soon as all are there."""
    deadline = time.monotonic() + SECONDS
    while True:
        rows = {str(row.pk): row for row in Prediction.objects.by_id(*map(UUID, ids))}
        if len(rows) == len(ids):
            return rows
        assert time.monotonic() < deadline, f"{len(rows)} of {len(ids)} rows arrived"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _keep(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Rows that the server wrote are not a test's to roll back."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def newcomer(server: Server) -> Iterator[Actor]:
    """Somebody who asked nothing yet."""
    yield from actor(server, User.objects.create_user(f"{uuid.uuid4().hex}@example.org"))
