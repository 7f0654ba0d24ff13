"""Background work: a task takes ids and calls one service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from celery.signals import worker_ready

from config.celery import app
from mlops.log.drift import drift_round
from mlops.log.exports import export_run
from mlops.log.maintenance import log_maintain
from mlops.models import LogExport
from mlops.rollouts.guardrails import guardrails_evaluate
from mlops.services.jobs import job_run, jobs_recover


@app.task  # type: ignore[untyped-decorator]
def job_run_task(job_id: int) -> None:
    """Register, export or evaluate a model. Running it twice does the work once."""
    job_run(job_id=job_id)


@app.task  # type: ignore[untyped-decorator]
def log_export_task(export_id: str) -> int:
    """Make a file of predictions; answers its rows."""
    return export_run(export=LogExport.objects.get(pk=export_id)).rows


@app.task  # type: ignore[untyped-decorator]
def guardrails_task() -> list[str]:
    """Each minute: stop arms that break a guardrail, advance ramps that are due."""
    return guardrails_evaluate()


@worker_ready.connect  # type: ignore[untyped-decorator]
def recover(**_: Any) -> None:
    """What the last worker was killed at goes on with this one."""
    jobs_recover()


@app.task  # type: ignore[untyped-decorator]
def log_maintain_task() -> None:
    """The daily round of the request log."""
    log_maintain(today=datetime.now(UTC).date())


@app.task  # type: ignore[untyped-decorator]
def drift_task() -> None:
    """The hourly aggregates, and the comparison with the reference window."""
    drift_round(now=datetime.now(UTC))
