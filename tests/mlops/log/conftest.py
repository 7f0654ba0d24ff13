"""What the tests of the request log share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest

from accounts.models import User
from mlops.models import Prediction
from tests.conftest import Actor, Server, actor
from tests.waiting import wait_for


def rows_of(ids: Sequence[str]) -> dict[str, Prediction]:
    """The rows of *ids*, as soon as all are there."""
    keys = list(map(UUID, ids))
    wait_for(
        lambda: Prediction.objects.by_id(*keys).count() == len(keys),
        lambda: f"{Prediction.objects.by_id(*keys).count()} of {len(keys)} rows arrived",
    )
    return {str(row.pk): row for row in Prediction.objects.by_id(*keys)}


@pytest.fixture(autouse=True)
def _keep(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Rows that the server wrote are not a test's to roll back."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def newcomer(server: Server) -> Iterator[Actor]:
    """Somebody who asked nothing yet."""
    yield from actor(server, User.objects.create_user(f"{uuid.uuid4().hex}@example.org"))
