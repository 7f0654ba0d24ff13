"""Kept files: none that a row names is ever deleted"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from mlops.inference.artifact import artifact_verify
from mlops.inference.huggingface import artifact_adopt
from mlops.models import ModelVersion
from mlops.selectors import version_folder
from mlops.services.files import files_locked
from mlops.services.pruning import models_prune
from mlops.services.versions import version_delete, version_register
from tests.mlops.inference.models import huggingface_folder
from tests.waiting import PATIENCE, wait_for

# Of this run's own database: others on the same server have theirs.
WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


@pytest.fixture(autouse=True)
def _database(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Two connections must see each other's rows, so nothing is rolled back."""
    with django_db_blocker.unblock():
        if connection.vendor != "postgresql":
            pytest.skip("SQLite's transactions take turns by themselves")
        yield


@pytest.fixture
def folder(tmp_path) -> Path:
    """An artifact that nobody else registers."""
    source = huggingface_folder(tmp_path / "bert", "bert")
    artifact_adopt(source, tmp_path / "artifact", name=f"race-{uuid.uuid4().hex[:8]}")
    return tmp_path / "artifact"


def beside(work: Callable[[], object]) -> threading.Thread:
    """A thread with a connection of its own that is at *work* until the lock stops it."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()

    def waits() -> bool:
        assert thread.is_alive(), "the work did not wait for the lock"
        cursor.execute(WAITING)
        return bool(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        wait_for(waits)
    return thread


def whole(digest: str) -> ModelVersion:
    """The version with *digest*, its files found whole in a folder made now."""
    version = ModelVersion.objects.get(digest=digest, deleted_at=None)
    assert artifact_verify(version_folder(version)).digest == digest
    return version


def test_a_version_registered_during_the_deletion_of_its_twin_keeps_its_files(folder):
    twin = version_register(folder=folder)
    with files_locked():
        other = beside(lambda: version_register(folder=folder))
        version_delete(version=twin)
    other.join(PATIENCE)
    assert whole(twin.digest).pk != twin.pk


def test_pruning_spares_what_is_registered_meanwhile(folder):
    twin = version_register(folder=folder)
    # As a killed deletion leaves it: no row names the files, which are there.
    ModelVersion.objects.filter(pk=twin.pk).update(deleted_at=twin.created_at)
    with files_locked():
        again = version_register(folder=folder)
        other = beside(lambda: models_prune(hours=0))
    other.join(PATIENCE)
    assert whole(twin.digest) == again
