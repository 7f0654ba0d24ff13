"""Finished results as CSV, JSONL or Parquet, written beside the target and renamed into place."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

Results = Iterable[dict[str, Any]]
# Rows of one Parquet row group: some megabytes in memory.
ROW_GROUP = 20_000


class OutputError(ValueError):
    """An output that cannot be written."""


def output_check(path: Path) -> None:
    """Find out before the work, not after it.

    Raises:
        OutputError: if the suffix is unknown or the folder cannot be written.
    """
    if path.suffix.lower() not in _WRITERS:
        raise OutputError(f"{path}: unknown suffix; use one of {', '.join(_WRITERS)}")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist")


def output_write(path: Path, results: Results, labels: Sequence[str]) -> None:
    """Write all *results* to *path* in the format of its suffix."""
    temporary = path.with_name(f".{path.name}.writing")
    _WRITERS[path.suffix.lower()](temporary, results, labels)
    temporary.replace(path)


def _csv(path: Path, results: Results, labels: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "dominant", "valence", "labels", *labels])
        for result in results:
            scores = [result["scores"][label] for label in labels]
            names = ";".join(result["labels"])
            writer.writerow([result["row"], result["dominant"], result["valence"], names, *scores])


def _jsonl(path: Path, results: Results, labels: Sequence[str]) -> None:
    with path.open("wb") as file:
        file.writelines(orjson.dumps(result) + b"\n" for result in results)


def _parquet(path: Path, results: Results, labels: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("row", pa.int64()),
            ("dominant", pa.string()),
            ("valence", pa.float32()),
            ("labels", pa.list_(pa.string())),
            *((label, pa.float32()) for label in labels),
        ]
    )
    remaining = iter(results)
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(islice(remaining, ROW_GROUP)):
            flat = [{**result, **result["scores"]} for result in group]
            writer.write_table(pa.Table.from_pylist(flat, schema=schema))


_WRITERS: dict[str, Callable[[Path, Results, Sequence[str]], None]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
