"""Files of predictions, made in the background: a row says how far, the storage has the file."""

from __future__ import annotations

import csv
import io
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import Throttled

from accounts.api import User
from mlops.log import selectors
from mlops.log.constants import ExportFormat, ExportStatus
from mlops.log.parquet import parquet_write
from mlops.log.pressure import bulk_admit
from mlops.models import LogExport

logger = logging.getLogger(__name__)
# Rows held in memory at a time.
CHUNK = 2_000
# Of one user: a file of millions keeps the worker busy for minutes.
MAX_UNFINISHED = 3
# No text, no hash and no score vector: what a spreadsheet is for.
COLUMNS = (
    *("id", "created_at", "request_id", "user_id", "key_id", "version_id", "rollout_id", "arm_id"),
    *("pinned", "shadow", "text_length", "tokens", "windows", "labels", "top_label", "top_score"),
    *("low_confidence", "valence", "cached", "queue_ms", "infer_ms", "total_ms", "status"),
    *("error_code", "network", "job_id"),
)


def export_create(*, user: User, kind: str, filters: Mapping[str, Any]) -> LogExport:
    """Queue a file of what *user* may see.

    Raises:
        PermissionDenied: if *user* may not see what *filters* ask for.
        Throttled: if enough of theirs are being made.
        LogBehindError: while the log cannot keep up.
    """
    from mlops.tasks import log_export_task  # Celery is not needed to serve requests

    bulk_admit()
    selectors.predictions_visible(user=user, everyone=filters["everyone"])
    running = (ExportStatus.QUEUED, ExportStatus.RUNNING)
    if LogExport.objects.filter(user=user, status__in=running).count() >= MAX_UNFINISHED:
        raise Throttled(wait=60, detail=f"{MAX_UNFINISHED} exports of yours are being made.")
    # A window that ends now: what comes later would make the file's end a matter of luck.
    window = {"since": selectors.default_since(), "until": timezone.now(), **filters}
    export = LogExport.objects.create(user=user, format=kind, filters=_plain(window))
    transaction.on_commit(lambda: log_export_task.delay(str(export.pk)))
    return export


def export_run(*, export: LogExport) -> LogExport:
    """Make the file of *export*; running it again makes it again."""
    export.status, export.started_at = ExportStatus.RUNNING, timezone.now()
    export.save(update_fields=["status", "started_at"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export"
            export.rows = _write(export, path)
            export.size = path.stat().st_size
            with path.open("rb") as content:
                name = f"log/exports/{export.pk}.{export.format}"
                export.path = default_storage.save(name, File(content))
        export.status = ExportStatus.DONE
    except Exception as error:
        logger.exception("export %s failed", export.pk)
        export.status, export.error = ExportStatus.FAILED, f"{type(error).__name__}: {error}"[:500]
    export.finished_at = timezone.now()
    export.save()
    return export


def _write(export: LogExport, path: Path) -> int:
    filters = _parsed(export.filters)
    visible = selectors.predictions_visible(user=export.user, everyone=filters["everyone"])
    rows = selectors.predictions_filtered(visible, user_id=export.user.pk, filters=filters)
    values = rows.values_list(*COLUMNS).iterator(CHUNK)
    if export.format == ExportFormat.PARQUET:
        return parquet_write(path, COLUMNS, values)
    with path.open("w", newline="", encoding="utf-8") as file:
        return _csv(file, values)


def _csv(file: io.TextIOBase, rows: Iterable[Sequence[Any]]) -> int:
    count, writer = 0, csv.writer(file)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(map(_cell, row))
        count += 1
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return " ".join(value) if isinstance(value, list) else value


def _plain(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters as JSON."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in filters.items()
    }


def _parsed(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of ``_plain``."""
    times = {name: parse_datetime(filters[name]) for name in ("since", "until")}
    return {**filters, **times}
