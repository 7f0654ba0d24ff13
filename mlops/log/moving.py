"""Predictions from another database into this one, for instance from SQLite to PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import dj_database_url
from django.db import connection, connections

from mlops.log.rows import COLUMNS, Row
from mlops.log.store import rows_store
from mlops.models import ModelVersion, Prediction

SOURCE = "source"
BATCH = 2_000
_VERSION = COLUMNS.index("version_id")


def source_connect(url: str) -> None:
    """Make the database at *url* known as ``SOURCE``.

    Raises:
        ValueError: if it is no database URL, or that of a file that is not there.
    """
    parsed: dict[str, Any] = {**dj_database_url.parse(url)}
    # SQLite would make an empty one.
    if "sqlite" in parsed["ENGINE"] and not Path(parsed["NAME"]).is_file():
        raise ValueError(f"no such file: {parsed['NAME']}")
    configured = connections.configure_settings({"default": {}, SOURCE: parsed})
    if SOURCE in connections.databases:  # of an earlier call
        connections[SOURCE].close()
        del connections[SOURCE]
    connections.databases[SOURCE] = configured[SOURCE]


def log_import(*, progress: Callable[[int], None]) -> tuple[int, int]:
    """Copy every row of ``SOURCE`` that is not here yet; how many were read, how many were new.

    Versions are found by their digests, since their numbers may differ. Rows and the hours of
    use that they add to are stored together, so that running this again changes nothing.
    """
    read = new = 0
    for batch in _batches(_versions()):
        new += rows_store(connection, batch)
        read += len(batch)
        progress(read)
    return read, new


def _versions() -> dict[int, int]:
    here = dict(ModelVersion.objects.values_list("digest", "pk"))
    there = ModelVersion.objects.using(SOURCE).values_list("pk", "digest")
    return {pk: here[digest] for pk, digest in there if digest in here}


def _batches(versions: dict[int, int]) -> Iterator[list[Row]]:
    rows = Prediction.objects.using(SOURCE).order_by("created_at", "pk").values_list(*COLUMNS)
    batch: list[Row] = []
    for values in rows.iterator(BATCH):
        plain = [_plain(value) for value in values]
        plain[_VERSION] = versions.get(plain[_VERSION])
        batch.append(tuple(plain))
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _plain(value: Any) -> Any:
    """As the writer makes it from a frame."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    if isinstance(value, memoryview):
        return bytes(value)
    return json.dumps(value) if isinstance(value, list) else value
