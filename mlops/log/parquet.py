"""Rows of the log as Parquet, a group at a time. pyarrow is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = {"request_id", "key_id", "top_label", "error_code", "network"}
_IDS = {"id", "user_id", "subject_hash", "text_hash", "job_id"}
_FLOATS = {"top_score", "valence", "queue_ms", "infer_ms", "total_ms"}
_FLAGS = {"pinned", "shadow", "low_confidence", "cached"}
_BYTES = {"scores", "text"}
# What is held in memory at a time.
GROUP_ROWS = 20_000
Values = Sequence[Any]


def parquet_write(path: Path, columns: Sequence[str], rows: Iterable[Values]) -> int:
    """Write *rows*, values in the order of *columns*; how many there were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count = parquet_schema(columns), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(rows):
            arrays = [
                _plain(name, values)
                for name, values in zip(columns, zip(*group, strict=True), strict=True)
            ]
            table = [pa.array(each, field.type) for each, field in zip(arrays, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(table, schema=schema))
            count += len(group)
    return count


def parquet_batches(file: IO[bytes], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The content of *file*, some thousand rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(file).iter_batches(GROUP_ROWS, columns=columns):
        yield pa.Table.from_batches([batch])


def parquet_schema(columns: Sequence[str]) -> pa.Schema:
    """The types of *columns*."""
    import pyarrow as pa

    return pa.schema([(name, _type(name)) for name in columns])


def _type(name: str) -> Any:
    import pyarrow as pa

    if name == "created_at":
        return pa.timestamp("ms", tz="UTC")
    if name == "labels":
        return pa.list_(pa.string())
    if name in _TEXTS | _IDS:
        return pa.string()
    if name in _FLOATS:
        return pa.float64()
    if name in _FLAGS:
        return pa.bool_()
    return pa.binary() if name in _BYTES else pa.int64()


def _plain(name: str, values: Values) -> Values:
    if name in _IDS:
        return [None if value is None else str(value) for value in values]
    if name in _BYTES:
        return [None if value is None else bytes(value) for value in values]
    return values


def _groups(rows: Iterable[Values]) -> Iterator[list[Values]]:
    group: list[Values] = []
    for row in rows:
        group.append(row)
        if len(group) == GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group
