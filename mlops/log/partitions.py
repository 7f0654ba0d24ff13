"""The months of the request log on PostgreSQL: one table each, made ahead, dropped whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "mlops_prediction"
DEFAULT = f"{TABLE}_default"
_PLAIN = f"{TABLE}_plain"
_LIKE = f"(LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
_NAME = re.compile(rf"{TABLE}_(\d{{4}})_(\d{{2}})")
# A change of partitions waits this long for readers, then gives up: writers queue behind it.
LOCK_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Partition:
    """One month's table; ``month`` is None for the default partition."""

    name: str
    month: date | None
    rows: int
    size: int


def is_partitioned(connection: BaseDatabaseWrapper) -> bool:
    """Whether the log's table is partitioned: on PostgreSQL, after its migration."""
    if connection.vendor != "postgresql":
        return False
    found = _rows(connection, "SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)", TABLE)
    return bool(found and found[0][0] in ("p", b"p"))


def partition_name(month: date) -> str:
    """The table of *month*."""
    return f"{TABLE}_{month:%Y_%m}"


def month_of(moment: date) -> date:
    """The first day of the month of *moment* (UTC)."""
    day = moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment
    return day.replace(day=1)


def month_after(month: date, count: int = 1) -> date:
    """The month *count* later (earlier if negative)."""
    index = month.year * 12 + month.month - 1 + count
    return date(index // 12, index % 12 + 1, 1)


def partitions_list(connection: BaseDatabaseWrapper, *, exact: bool = False) -> list[Partition]:
    """Every partition, oldest first; rows as the database estimates them unless *exact*."""
    sql = """
        SELECT c.relname, greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(%s) ORDER BY c.relname
    """
    found = []
    for name, rows, size in _rows(connection, sql, TABLE):
        if exact or not rows:
            rows = rows_count(connection, name)  # noqa: PLW2901 - never analysed means zero
        match = _NAME.fullmatch(name)
        month = date(int(match[1]), int(match[2]), 1) if match else None
        found.append(Partition(name, month, rows, size))
    return found


def rows_count(connection: BaseDatabaseWrapper, name: str) -> int:
    """The rows of one partition, counted."""
    return int(_rows(connection, f"SELECT count(*) FROM {_quoted(connection, name)}")[0][0])


def partition_create(connection: BaseDatabaseWrapper, month: date) -> bool:
    """Make the table of *month*, with the rows of it that strayed into the default partition.

    Attaching takes no lock that writers wait for. False if there is one already.
    """
    name = _quoted(connection, partition_name(month))
    lower, upper = _bound(month), _bound(month_after(month))
    if _rows(connection, "SELECT 1 WHERE to_regclass(%s) IS NOT NULL", partition_name(month)):
        return False
    with transaction.atomic(connection.alias):
        _run(connection, f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        _run(
            connection,
            f"CREATE TABLE {name} {_LIKE}",
        )
        _run(
            connection,
            f"WITH moved AS (DELETE FROM {DEFAULT} WHERE created_at >= '{lower}'"
            f" AND created_at < '{upper}' RETURNING *) INSERT INTO {name} SELECT * FROM moved",
        )
        _run(
            connection,
            f"ALTER TABLE {TABLE} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{lower}') TO ('{upper}')",
        )
    return True


def partitions_ensure(connection: BaseDatabaseWrapper, *, today: date, ahead: int) -> list[str]:
    """Make the tables of this month, the next *ahead* and of strays; the names of the new ones."""
    wanted = {month_after(month_of(today), count) for count in range(ahead + 1)}
    wanted.update(strays(connection))
    return [partition_name(each) for each in sorted(wanted) if partition_create(connection, each)]


def strays(connection: BaseDatabaseWrapper) -> list[date]:
    """The months of rows in the default partition: nobody made their table in time."""
    sql = f"SELECT DISTINCT date_trunc('month', created_at AT TIME ZONE 'UTC') FROM {DEFAULT}"
    return sorted(month_of(row[0].date()) for row in _rows(connection, sql))


def partition_drop(connection: BaseDatabaseWrapper, name: str, *, keep: bool = False) -> None:
    """Take a month out of the log, and delete its table unless *keep*."""
    table = _quoted(connection, name)
    with transaction.atomic(connection.alias):
        _run(connection, f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        _run(connection, f"ALTER TABLE {TABLE} DETACH PARTITION {table}")
        if not keep:
            _run(connection, f"DROP TABLE {table}")


def table_convert(connection: BaseDatabaseWrapper, *, today: date, ahead: int) -> int:
    """Turn the plain table into a partitioned one and keep every row; how many there were.

    All or nothing: one transaction, in which nobody else writes to the log.
    """
    with transaction.atomic(connection.alias):
        _run(connection, f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
        indexes = _indexes(connection)
        _run(connection, f"ALTER TABLE {TABLE} RENAME TO {_PLAIN}")
        _run(connection, f"ALTER TABLE {_PLAIN} DROP CONSTRAINT {TABLE}_pkey")
        for name, _ in indexes:
            _run(connection, f"DROP INDEX {_quoted(connection, name)}")
        _run(
            connection,
            f"CREATE TABLE {TABLE} (LIKE {_PLAIN} INCLUDING DEFAULTS INCLUDING CONSTRAINTS,"
            f" CONSTRAINT {TABLE}_pkey PRIMARY KEY (id, created_at))"
            " PARTITION BY RANGE (created_at)",
        )
        _run(connection, f"CREATE TABLE {DEFAULT} PARTITION OF {TABLE} DEFAULT")
        for _, definition in indexes:
            _run(connection, definition)
        for month in _months(connection):
            partition_create(connection, month)
        partitions_ensure(connection, today=today, ahead=ahead)
        moved = _run(connection, f"INSERT INTO {TABLE} SELECT * FROM {_PLAIN}")
        _run(connection, f"DROP TABLE {_PLAIN}")
    return moved


def table_merge(connection: BaseDatabaseWrapper) -> None:
    """The inverse of ``table_convert``: one plain table again."""
    with transaction.atomic(connection.alias):
        indexes = _indexes(connection)
        _run(
            connection,
            f"CREATE TABLE {_PLAIN} {_LIKE}",
        )
        _run(connection, f"INSERT INTO {_PLAIN} SELECT * FROM {TABLE}")
        _run(connection, f"DROP TABLE {TABLE}")
        _run(connection, f"ALTER TABLE {_PLAIN} RENAME TO {TABLE}")
        _run(connection, f"ALTER TABLE {TABLE} ADD CONSTRAINT {TABLE}_pkey PRIMARY KEY (id)")
        for _, definition in indexes:
            _run(connection, definition.replace(" ON ONLY ", " ON "))


def _months(connection: BaseDatabaseWrapper) -> Iterator[date]:
    sql = f"SELECT DISTINCT date_trunc('month', created_at AT TIME ZONE 'UTC') FROM {_PLAIN}"
    yield from (month_of(row[0].date()) for row in _rows(connection, sql))


def _indexes(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Name and definition of each index of the log's table but that of its key."""
    sql = """
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = current_schema() AND tablename = %s AND indexname <> %s
    """
    found = _rows(connection, sql, TABLE, f"{TABLE}_pkey")
    return [(name, definition.replace(" ON ONLY ", " ON ")) for name, definition in found]


def _bound(month: date) -> str:
    return f"{month:%Y-%m-%d} 00:00:00+00"


def _quoted(connection: BaseDatabaseWrapper, name: str) -> str:
    return connection.ops.quote_name(name)


def _rows(connection: BaseDatabaseWrapper, sql: str, *parameters: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return list(cursor.fetchall())


def _run(connection: BaseDatabaseWrapper, sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.rowcount)
