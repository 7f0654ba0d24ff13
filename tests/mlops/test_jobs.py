"""Long work: alive while it is worked at, and nothing of it stays behind"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from mlops.constants import JobKind, JobStatus
from mlops.models import ModelJob
from mlops.services import jobs
from mlops.services.registration import Registration
from mlops.storage import blob_name, blob_save
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def _database(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The heartbeat has a connection of its own, which must see the row."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def running() -> Iterator[ModelJob]:
    """A job of another host whose last word is an hour old."""
    job = ModelJob.objects.create(
        kind=JobKind.EVALUATE,
        status=JobStatus.RUNNING,
        worker="elsewhere:1",
        heartbeat_at=timezone.now() - timedelta(hours=1),
    )
    yield job
    job.delete()


def test_a_step_that_takes_long_is_not_taken_for_a_dead_worker(running, monkeypatch):
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.01)
    orphaned = ModelJob.objects.filter(jobs._orphaned(), pk=running.pk)
    assert orphaned.exists()
    alive = ModelJob.objects.filter(pk=running.pk, heartbeat_at__gt=running.heartbeat_at)
    with jobs.worker_alive(running.pk):
        wait_for(alive.exists)
    assert not orphaned.all().exists()


def test_an_upload_is_freed_by_the_last_job_that_needs_it(tmp_path):
    archive = tmp_path / "model.zip"
    archive.write_bytes(b"no archive at all")
    digest = blob_save(archive)
    parameters = asdict(Registration(source=archive.name, upload=digest))
    both = [ModelJob.objects.create(kind=JobKind.REGISTER, parameters=parameters) for _ in "12"]
    kept = []
    for job in both:
        jobs.job_run(job_id=job.pk)
        job.refresh_from_db()
        assert job.error_code == "archive_refused"
        kept.append(storages["models"].exists(blob_name(digest)))
        job.delete()
    assert kept == [True, False]
