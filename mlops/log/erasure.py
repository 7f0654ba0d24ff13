"""The end of what is known of one subject: rows, archives, exports, feedback, spool."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction

from accounts.api import User, audit_record
from mlops.log.archive import archive_batches, archive_rewrite
from mlops.log.partitions import is_partitioned, partitions_list
from mlops.log.privacy import subject_hash
from mlops.log.queries import PredictionQuerySet
from mlops.log.recorder import recorder
from mlops.log.rows import COLUMNS
from mlops.log.spool import spool_files
from mlops.models import Feedback, LogArchive, LogExport, Prediction

if TYPE_CHECKING:
    import pyarrow as pa

# How long the other processes may take to move what they have spooled.
SPOOL_SECONDS = 30.0
# What tells of a person; the rest of an anonymised row is numbers.
PERSONAL: dict[str, Any] = {
    "subject_hash": None,
    "text_hash": None,
    "text": None,
    "request_id": "",
    "network": None,
}


class ErasureError(RuntimeError):
    """Something of the subject may be left."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, and what a look afterwards found: ``left`` is zero or it failed."""

    rows: int
    archived_rows: int
    archives: int
    feedback: int
    exports: int
    left: int


def subject_erase(
    *, user: User, subject: str, anonymise: bool = False, actor: User | None = None
) -> Erasure:
    """Remove the rows of a subject of *user*'s, or with *anonymise* what is personal in them.

    Raises:
        ErasureError: if the spool still holds rows, or anything is left afterwards.
    """
    digest = subject_hash(user.pk.bytes, subject)
    key = UUID(bytes=digest)
    _spool_settle(digest)
    feedback, rows = _rows_erase(user, key, anonymise=anonymise)
    archives, archived = _archives_erase(user, key, anonymise=anonymise)
    exports = _exports_erase(user)
    _scrub()
    left = _left(user, key, digest)
    result = Erasure(rows, archived, archives, feedback, exports, left)
    audit_record("subject_erased", actor=actor, target=user, rows=rows)
    if left:
        raise ErasureError(f"{left} places still name the subject; run this again")
    return result


def _spool_settle(digest: bytes) -> None:
    """Move what this process may, and wait for what others hold."""
    deadline = time.monotonic() + SPOOL_SECONDS
    recorder.drain()
    while _spooled(digest):
        if time.monotonic() > deadline:
            raise ErasureError("The spool still holds rows of the subject; is the database away?")
        time.sleep(0.1)
        recorder.drain()


def _spooled(digest: bytes) -> int:
    """Spool files that hold the hash; also those set aside as unusable."""
    folder = settings.LOG_SPOOL_DIR
    paths = [*(path for path, _ in spool_files(folder)), *folder.glob("*.bad")]
    return sum(digest in _content(path) for path in paths)


def _content(path: Any) -> bytes:
    try:
        return bytes(path.read_bytes())
    except FileNotFoundError:  # moved meanwhile
        return b""


@transaction.atomic
def _rows_erase(user: User, key: UUID, *, anonymise: bool) -> tuple[int, int]:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            # What is deleted is overwritten, not only forgotten.
            cursor.execute("PRAGMA secure_delete = ON")
    feedback, _ = Feedback.objects.filter(user=user, subject_hash=key).delete()
    rows = _rows(user, key)
    count = rows.update(**PERSONAL) if anonymise else rows.delete()[0]
    return feedback, count


def _rows(user: User, key: UUID) -> PredictionQuerySet:
    """In every month: an erasure is the one question that means all time."""
    return Prediction.objects.filter(user_id=user.pk, subject_hash=key)


def _archives_erase(user: User, key: UUID, *, anonymise: bool) -> tuple[int, int]:
    archives = rows = 0
    for archive in LogArchive.objects.all():
        found = _archived(archive, key)
        if found:
            archive_rewrite(archive, lambda batch: _without(batch, key, anonymise=anonymise))
            archives, rows = archives + 1, rows + found
    return archives, rows


def _archived(archive: LogArchive, key: UUID) -> int:
    """Rows of the subject in *archive*; the hash holds the user, too."""
    import pyarrow.compute as pc

    batches = archive_batches([archive], ["subject_hash"])
    return sum(pc.sum(pc.equal(each["subject_hash"], str(key))).as_py() or 0 for each in batches)


def _without(batch: pa.Table, key: UUID, *, anonymise: bool) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    meant = pc.fill_null(pc.equal(batch["subject_hash"], str(key)), False)  # noqa: FBT003
    if not anonymise:
        return batch.filter(pc.invert(meant))
    for name, value in PERSONAL.items():
        place, column = COLUMNS.index(name), batch[name]
        blank = pa.scalar(value, column.type)
        batch = batch.set_column(place, batch.field(name), pc.if_else(meant, blank, column))
    return batch


def _exports_erase(user: User) -> int:
    """All export files of the user: they can be made again, without the subject."""
    exports = list(LogExport.objects.filter(user=user).exclude(path=""))
    for export in exports:
        default_storage.delete(export.path)
    return LogExport.objects.filter(pk__in=[export.pk for export in exports]).update(path="")


def _scrub() -> None:
    """Have the database let go of the pages, too: a deleted row's bytes would stay in its files."""
    if connection.in_atomic_block:  # in a test's transaction
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        names = [Prediction._meta.db_table, Feedback._meta.db_table]  # noqa: SLF001
        if is_partitioned(connection):
            names += [each.name for each in partitions_list(connection) if each.rows]
        for name in names:
            cursor.execute(f"VACUUM {connection.ops.quote_name(name)}")


def _left(user: User, key: UUID, digest: bytes) -> int:
    archived = sum(_archived(each, key) for each in LogArchive.objects.all())
    feedback = Feedback.objects.filter(subject_hash=key).count()
    return _rows(user, key).count() + archived + feedback + _spooled(digest)
