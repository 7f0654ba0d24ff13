"""Which kept files rows name, and the lock that keeps naming and deleting apart.

A file is kept once however many rows name it, so whoever keeps one may find it there already.
Between that look and the row, somebody else may delete it because nobody names it. Hence rows are
written and files are deleted under one lock, and under it both look again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection, transaction

from mlops.constants import JobStatus
from mlops.models import Dataset, Evaluation, ModelJob, ModelVersion
from mlops.storage import blob_name

# Of the advisory lock; any number that nothing else here uses.
_LOCK = 7_302_001


@contextmanager
def files_locked() -> Iterator[None]:
    """A transaction in which nobody else names or deletes kept files. Copy large ones before it."""
    with transaction.atomic():
        # On SQLite a transaction is alone anyway: ours take its lock as they begin.
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


def files_named() -> set[str]:
    """Digests of the files that some row still needs."""
    named = set(Dataset.objects.values_list("digest", flat=True))
    named |= set(Evaluation.objects.values_list("outputs_digest", flat=True))
    waiting = ModelJob.objects.filter(status__in=(JobStatus.QUEUED, JobStatus.RUNNING))
    named |= set(waiting.values_list("parameters__upload", flat=True))
    versions = ModelVersion.objects.filter(deleted_at=None)
    for digest, manifest in versions.values_list("digest", "manifest"):
        named |= {digest, *manifest["files"].values()}
    return named


def files_forget(digests: Iterable[str]) -> dict[str, int]:
    """Delete those of *digests* that no row names, and the folders made of them."""
    storage, count, size = storages["models"], 0, 0
    with files_locked():
        named = files_named()
        for digest in set(digests) - named:
            shutil.rmtree(Path(settings.MODELS_DIR) / "checkouts" / digest, ignore_errors=True)
            name = blob_name(digest)
            if storage.exists(name):
                count, size = count + 1, size + storage.size(name)
                storage.delete(name)
    return {"files": count, "bytes": size}
