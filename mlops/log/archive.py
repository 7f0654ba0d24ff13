"""Months of the log as Parquet files in the default storage."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from django.core.files import File
from django.core.files.storage import default_storage

from mlops.log.parquet import parquet_batches, parquet_schema, parquet_write
from mlops.log.partitions import month_after
from mlops.log.rows import COLUMNS
from mlops.models import LogArchive, Prediction

if TYPE_CHECKING:
    import pyarrow as pa

# Rows fetched at a time.
CHUNK = 5_000


class ArchiveError(RuntimeError):
    """An archive is not what was written."""


def month_bounds(month: date) -> tuple[datetime, datetime]:
    """The first moment of *month* and of the next (UTC)."""
    after = month_after(month)
    return datetime(month.year, month.month, 1, tzinfo=UTC), datetime(
        after.year, after.month, 1, tzinfo=UTC
    )


def month_archive(month: date) -> LogArchive:
    """Write the rows of *month* to the storage, read them back, and note the file.

    Raises:
        ArchiveError: if what comes back is not what went in.
    """
    rows = Prediction.objects.between(*month_bounds(month)).order_by("created_at", "pk")
    values = rows.values_list(*COLUMNS).iterator(CHUNK)
    return archive_store(month, lambda path: parquet_write(path, COLUMNS, values))


def archive_store(month: date, write: Any) -> LogArchive:
    """Have *write* make a file and keep it as an archive of *month*."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive"
        rows = write(path)
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            content.seek(0)
            name = f"log/archive/predictions-{month:%Y-%m}.parquet"
            kept = default_storage.save(name, File(content))
        size = path.stat().st_size
    archive = LogArchive(month=month, path=kept, rows=rows, size=size, sha256=digest)
    archive_verify(archive)
    archive.save()
    return archive


def archive_verify(archive: LogArchive) -> None:
    """Read the file of *archive* back.

    Raises:
        ArchiveError: if its digest is another than when it was written.
    """
    with archive_open(archive) as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
    if digest != archive.sha256:
        raise ArchiveError(f"{archive.path}: its digest is not the one that was written")


def archive_open(archive: LogArchive) -> IO[bytes]:
    """The file of *archive*."""
    opened: Any = default_storage.open(archive.path)
    return opened  # type: ignore[no-any-return]


def archive_batches(
    archives: Iterable[LogArchive], columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The rows of *archives*, some thousand at a time."""
    for archive in archives:
        with archive_open(archive) as content:
            yield from parquet_batches(content, columns)


def archive_rewrite(archive: LogArchive, change: Any) -> LogArchive:
    """Put what *change* makes of each batch in the place of *archive*; the old file is deleted."""
    import pyarrow.parquet as pq

    def write(path: Path) -> int:
        count = 0
        with pq.ParquetWriter(path, parquet_schema(COLUMNS), compression="zstd") as writer:
            for batch in archive_batches([archive]):
                changed = change(batch)
                writer.write_table(changed)
                count += len(changed)
        return count

    new = archive_store(archive.month, write)
    archive_discard(archive)
    return new


def archive_discard(archive: LogArchive) -> None:
    """Delete *archive* and its file."""
    archive.delete()
    default_storage.delete(archive.path)
