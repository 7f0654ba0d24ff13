"""Long work as rows: asked for in a request, done by a worker, watched by whoever wants to.

A worker that dies leaves its row running; the next one to start takes it up again. What is half
done then was never visible: rows of versions and evaluations are written last.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.api import User
from mlops.constants import JobKind, JobStatus
from mlops.errors import CodedError
from mlops.export.options import ExportOptions
from mlops.inference.protocol import Progress
from mlops.models import Dataset, ModelJob, ModelVersion
from mlops.rollouts.replay import replay_run, replay_words
from mlops.services.evaluations import version_evaluate
from mlops.services.export import version_export
from mlops.services.files import files_forget
from mlops.services.registration import Registration, model_register

logger = logging.getLogger(__name__)

# A worker says that it lives with every step of progress, and at least this often.
HEARTBEAT_SECONDS = 10
STALE_SECONDS = 90
# Work that took two workers down would take the third as well.
MAX_ATTEMPTS = 3
_LOG_LINES = 200


def job_create(
    *,
    kind: JobKind,
    parameters: dict[str, Any],
    version: ModelVersion | None = None,
    actor: User | None = None,
) -> ModelJob:
    """The row of a piece of work, handed to a worker once the transaction is through."""
    job = ModelJob.objects.create(kind=kind, parameters=parameters, version=version, actor=actor)
    transaction.on_commit(lambda: _send(job.pk))
    return job


def job_run(*, job_id: int) -> None:
    """Do the work of a job, unless it is done or another worker is at it."""
    if not _claimed(job_id):
        logger.info("job %s is done, or somebody else's", job_id)
        return
    job = ModelJob.objects.select_related("version__model", "actor").get(pk=job_id)
    with worker_alive(job_id):
        _work(job)
    if job.parameters.get("upload"):
        # The files of the archive are kept one by one now, or are no model.
        files_forget([job.parameters["upload"]])


def _work(job: ModelJob) -> None:
    try:
        outcome = _WORK[job.kind](job, _progress(job))
    except CodedError as error:
        _fail(job, error.code, str(error))
    except Exception:
        logger.exception("job %s failed", job.pk)
        _fail(job, "error", traceback.format_exc(limit=-3))
    else:
        _note(job, "done")
        done = {"status": JobStatus.SUCCEEDED, "progress": 1.0, "message": "done", **outcome}
        ModelJob.objects.filter(pk=job.pk).update(finished_at=timezone.now(), **done)


@contextmanager
def worker_alive(job_id: int) -> Iterator[None]:
    """Say all the time that somebody is at it: one step of an export may take minutes."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            try:
                ModelJob.objects.filter(pk=job_id).update(heartbeat_at=timezone.now())
            except DatabaseError as error:
                logger.warning("job %s: the heartbeat was not written: %s", job_id, error)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, name="job-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def jobs_recover() -> int:
    """Send what was running when its worker died, or queued and lost, to a worker again.

    Returns:
        How many jobs were sent.
    """
    ModelJob.objects.filter(_orphaned(), attempts__gte=MAX_ATTEMPTS).update(
        status=JobStatus.FAILED,
        error_code="worker_lost",
        error=f"{MAX_ATTEMPTS} workers died at this; the log of the last one may say why",
        finished_at=timezone.now(),
    )
    lost = ModelJob.objects.filter(_orphaned() | Q(status=JobStatus.QUEUED))
    keys = list(lost.order_by("pk").values_list("pk", flat=True))
    for key in keys:
        _send(key)
    return len(keys)


def _send(job_id: int) -> None:
    from mlops.tasks import job_run_task  # Celery is not needed to serve requests

    job_run_task.delay(job_id)


def _claimed(job_id: int) -> bool:
    """One statement, so that of two workers one gets the job."""
    now = timezone.now()
    free = ModelJob.objects.filter(Q(status=JobStatus.QUEUED) | _orphaned(), pk=job_id)
    return bool(
        free.update(
            status=JobStatus.RUNNING,
            worker=_me(),
            attempts=F("attempts") + 1,
            started_at=now,
            heartbeat_at=now,
            error="",
            error_code="",
        )
    )


def _orphaned() -> Q:
    """Running, by nobody: silent for long, or a process of this host that is gone."""
    stale = Q(heartbeat_at__lt=timezone.now() - timedelta(seconds=STALE_SECONDS))
    running = ModelJob.objects.filter(status=JobStatus.RUNNING)
    gone = [worker for worker in running.values_list("worker", flat=True) if _is_gone(worker)]
    return Q(status=JobStatus.RUNNING) & (stale | Q(worker__in=gone))


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_gone(worker: str) -> bool:
    host, _, process = worker.rpartition(":")
    if host != socket.gethostname() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _progress(job: ModelJob) -> Progress:
    def say(share: float, message: str) -> None:
        _note(job, message)
        ModelJob.objects.filter(pk=job.pk).update(
            progress=round(share, 3), message=message[:200], heartbeat_at=timezone.now()
        )

    return say


def _note(job: ModelJob, line: str) -> None:
    """Add a line to the job's log."""
    now = timezone.now()
    lines = [*job.log.splitlines(), f"{now:%H:%M:%S} {line}"][-_LOG_LINES:]
    job.log = "\n".join(lines)
    ModelJob.objects.filter(pk=job.pk).update(log=job.log)


def _fail(job: ModelJob, code: str, detail: str) -> None:
    _note(job, f"failed: {code}")
    ModelJob.objects.filter(pk=job.pk).update(
        status=JobStatus.FAILED,
        error_code=code[:50],
        error=detail,
        message="failed",
        finished_at=timezone.now(),
    )


def _register(job: ModelJob, progress: Progress) -> dict[str, Any]:
    registration = Registration(**job.parameters)
    return {"result": model_register(registration=registration, actor=job.actor, progress=progress)}


def _export(job: ModelJob, progress: Progress) -> dict[str, Any]:
    assert job.version is not None
    options = ExportOptions(**job.parameters)
    return {
        "result": version_export(
            version=job.version, options=options, actor=job.actor, progress=progress
        )
    }


def _evaluate(job: ModelJob, progress: Progress) -> dict[str, Any]:
    assert job.version is not None
    dataset = Dataset.objects.get(pk=job.parameters["dataset"])
    evaluation = version_evaluate(
        version=job.version, dataset=dataset, actor=job.actor, progress=progress
    )
    return {"evaluation": evaluation}


def _replay(job: ModelJob, progress: Progress) -> dict[str, Any]:
    assert job.version is not None
    hours = job.parameters["hours"]
    report = replay_run(version=job.version, hours=hours, actor=job.actor, progress=progress)
    for line in replay_words(job.version, report).splitlines():
        _note(job, line)
    return {}


_WORK: dict[str, Callable[[ModelJob, Progress], dict[str, Any]]] = {
    JobKind.REGISTER: _register,
    JobKind.EXPORT: _export,
    JobKind.EVALUATE: _evaluate,
    JobKind.REPLAY: _replay,
}
