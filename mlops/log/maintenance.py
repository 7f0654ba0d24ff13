"""The daily round: months made ahead, strays put right, old months archived and dropped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from django.conf import settings
from django.db import connection, transaction

from mlops.log import metrics
from mlops.log.archive import archive_discard, month_archive, month_bounds
from mlops.log.constants import Measure
from mlops.log.partitions import (
    DEFAULT,
    is_partitioned,
    month_after,
    month_of,
    partition_create,
    partition_drop,
    partition_name,
    partitions_list,
    rows_count,
    strays,
)
from mlops.models import DriftEvent, LogArchive, Prediction

logger = logging.getLogger(__name__)
# Of the advisory lock that keeps two hosts from doing the round at once.
_LOCK = 0x56_4C_4F_47


@dataclass(slots=True)
class Round:
    """What the daily round did, or would do."""

    created: list[str] = field(default_factory=list)
    strays: int = 0
    archived: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def log_maintain(*, today: date, dry_run: bool = False) -> Round | None:
    """Do the round; None if another process is at it."""
    with _only_one() as alone:
        if not alone:
            return None
        done = Round()
        if is_partitioned(connection):
            _ahead(done, today, dry_run=dry_run)
        for month in months_expired(today):
            done.dropped.append(f"{month:%Y-%m}")
            if not dry_run:
                done.archived.append(month_expire(month).path)
    return done


def months_expired(today: date) -> list[date]:
    """The months past LOG_RETENTION_MONTHS, oldest first."""
    if not settings.LOG_RETENTION_MONTHS:
        return []
    first_kept = month_after(month_of(today), -settings.LOG_RETENTION_MONTHS)
    if is_partitioned(connection):
        months = [each.month for each in partitions_list(connection) if each.month]
    else:
        before = Prediction.objects.filter(created_at__lt=month_bounds(first_kept)[0])
        starts = before.order_by().datetimes("created_at", "month")
        months = [month_of(start) for start in starts]
    return [month for month in months if month < first_kept]


def month_expire(month: date) -> LogArchive:
    """Archive *month* and take it out of the database; a row that came meanwhile stops that.

    Raises:
        ArchiveError: if the archive cannot be read back; the month stays then.
        RuntimeError: if rows came while it was written; the next round tries again.
    """
    archive = month_archive(month)
    try:
        _drop(month, archive)
    except Exception:
        archive_discard(archive)
        raise
    logger.info("archived %s rows of %s to %s", archive.rows, month, archive.path)
    return archive


@transaction.atomic
def _drop(month: date, archive: LogArchive) -> None:
    if is_partitioned(connection):
        name = partition_name(month)
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {connection.ops.quote_name(name)} IN SHARE MODE")
        _same(archive, rows_count(connection, name))
        partition_drop(connection, name)
    else:
        deleted, _ = Prediction.objects.between(*month_bounds(month)).delete()
        _same(archive, deleted)


def _same(archive: LogArchive, rows: int) -> None:
    if rows != archive.rows:
        raise RuntimeError(f"{archive}: {archive.rows} rows archived, {rows} are there now")


def _ahead(done: Round, today: date, *, dry_run: bool) -> None:
    """Months of strays are made as well: that moves the rows to where they belong."""
    stray = strays(connection)
    if stray:
        done.strays = rows_count(connection, DEFAULT)
        _alarm(done.strays, dry_run=dry_run)
    wanted = {month_after(month_of(today), n) for n in range(settings.LOG_PARTITIONS_AHEAD + 1)}
    there = {each.month for each in partitions_list(connection)}
    for month in sorted((wanted | set(stray)) - there):
        done.created.append(partition_name(month))
        if not dry_run:
            partition_create(connection, month)


def _alarm(rows: int, *, dry_run: bool) -> None:
    metrics.STRAYS.set(rows)
    logger.error("%d predictions are in the default partition: no month was made for them", rows)
    if not dry_run:
        DriftEvent.objects.create(
            version_id=0, measure=Measure.STRAYS, value=rows, threshold=0, documents=rows
        )


@contextmanager
def _only_one() -> Iterator[bool]:
    """Whether nobody else is at it: true everywhere but on PostgreSQL, where hosts share it."""
    if connection.vendor != "postgresql":
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        alone = bool(cursor.fetchone()[0])
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
