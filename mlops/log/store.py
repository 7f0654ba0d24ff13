"""Rows into the table, each exactly once, and what they add to the hours of use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from mlops.log.rows import COLUMNS, Row

TABLE = "mlops_prediction"
_NAMES = ", ".join(COLUMNS)
_PLACE = {name: index for index, name in enumerate(COLUMNS)}
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_USAGE = "mlops_usagehour"
_KEY = ("hour", "user_id", "key_id", "version_id")
_COUNTS = ("requests", "documents", "failed", "cached", "characters", "tokens")


def rows_store(connection: BaseDatabaseWrapper, rows: Sequence[Row]) -> int:
    """Add *rows* and count them; those that are there already change nothing. How many were new."""
    if connection.vendor != "postgresql":
        with transaction.atomic(connection.alias):
            return _counted(connection, _insert_missing(connection, rows))
    try:
        # Nearly always all are new, and this is the fastest way in.
        with transaction.atomic(connection.alias):
            _copy(connection, TABLE, rows)
            return _counted(connection, rows)
    except IntegrityError:
        with transaction.atomic(connection.alias):
            return _counted(connection, _copy_missing(connection, rows))


def _copy(connection: BaseDatabaseWrapper, table: str, rows: Sequence[Row]) -> None:
    lines = ["\t".join(map(_field, row)) for row in rows]
    with (
        # Django translates what execute() raises, not what happens within a COPY.
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({_NAMES}) FROM STDIN") as copy,
    ):
        copy.write("\n".join(lines) + "\n")


def _copy_missing(connection: BaseDatabaseWrapper, rows: Sequence[Row]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE incoming (LIKE {TABLE}) ON COMMIT DROP")
        _copy(connection, "incoming", rows)
        cursor.execute(
            f"INSERT INTO {TABLE} ({_NAMES}) SELECT {_NAMES} FROM incoming"
            " ON CONFLICT DO NOTHING RETURNING id"
        )
        new = {row[0].hex for row in cursor.fetchall()}
    return list({row[0]: row for row in rows if row[0] in new}.values())


def _insert_missing(connection: BaseDatabaseWrapper, rows: Sequence[Row]) -> list[Row]:
    """For databases with one writer at a time: what is there is looked up first."""
    with connection.cursor() as cursor:
        known: set[str] = set()
        for start in range(0, len(rows), 500):
            ids = [row[0] for row in rows[start : start + 500]]
            marks = ", ".join(["%s"] * len(ids))
            cursor.execute(f"SELECT id FROM {TABLE} WHERE id IN ({marks})", ids)
            known.update(row[0] for row in cursor.fetchall())
        new = list({row[0]: row for row in rows if row[0] not in known}.values())
        if new:
            marks = ", ".join(["%s"] * len(COLUMNS))
            cursor.executemany(f"INSERT INTO {TABLE} ({_NAMES}) VALUES ({marks})", new)
    return new


def _counted(connection: BaseDatabaseWrapper, rows: Sequence[Row]) -> int:
    """Add *rows* to the hours of use, in the same transaction: counted once as well."""
    totals: dict[tuple[Any, ...], list[int]] = {}
    place, seen = _PLACE, ("", "")
    for row in rows:
        if row[place["shadow"]] or not row[place["user_id"]]:
            continue
        hour = row[place["created_at"]][:13] + ":00:00"
        key = (hour, row[place["user_id"]], row[place["key_id"]], row[place["version_id"]] or 0)
        counts = totals.setdefault(key, [0] * len(_COUNTS))
        # The documents of a request stand side by side.
        request = (row[place["request_id"]], row[place["created_at"]])
        counts[0] += request != seen
        seen = request
        counts[1] += 1
        counts[2] += row[place["error_code"]] != ""
        counts[3] += row[place["cached"]]
        counts[4] += row[place["text_length"]]
        counts[5] += row[place["tokens"]]
    _usage_add(connection, totals)
    return len(rows)


def _usage_add(connection: BaseDatabaseWrapper, totals: dict[tuple[Any, ...], list[int]]) -> None:
    zone = "+00" if connection.vendor == "postgresql" else ""
    sums = ", ".join(f"{name} = {_USAGE}.{name} + excluded.{name}" for name in _COUNTS)
    marks = ", ".join(["%s"] * (len(_KEY) + len(_COUNTS)))
    sql = (
        f"INSERT INTO {_USAGE} ({', '.join((*_KEY, *_COUNTS))}) VALUES ({marks})"
        f" ON CONFLICT (user_id, hour, key_id, version_id) DO UPDATE SET {sums}"
    )
    with connection.cursor() as cursor:
        # Sorted: two writers that meet wait for each other in turn, never in a circle.
        for key in sorted(totals):
            cursor.execute(sql, (key[0] + zone, *key[1:], *totals[key]))


def _field(value: Any) -> str:
    """One value in the text format of COPY."""
    if value is None:
        return "\\N"
    kind = type(value)
    if kind is str:
        text = str(value)
        return text if text.isalnum() else text.translate(_ESCAPES)
    if kind is bytes:
        return f"\\\\x{value.hex()}"
    if kind is bool:
        return "t" if value else "f"
    return str(value)
