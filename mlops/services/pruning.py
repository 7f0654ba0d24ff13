"""Files that no row names: killed uploads, deleted versions, results of abandoned work."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone

from mlops.constants import JobStatus
from mlops.models import Dataset, Evaluation, ModelJob, ModelVersion
from mlops.storage import INCOMING, blob_name


def models_prune(*, hours: float) -> dict[str, int]:
    """Delete blobs that nothing names and unfinished folders, if older than *hours*."""
    before, storage = timezone.now() - timedelta(hours=hours), storages["models"]
    named, count, size = _named(), 0, 0
    for digest in _stored():
        name = blob_name(digest)
        if digest not in named and storage.get_modified_time(name) < before:
            count, size = count + 1, size + storage.size(name)
            storage.delete(name)
    for folder in Path(settings.MODELS_DIR).rglob(f"{INCOMING}*"):
        if folder.stat().st_mtime < before.timestamp():
            count += 1
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    return {"files": count, "bytes": size}


def _stored() -> Iterator[str]:
    storage = storages["models"]
    if not storage.exists("blobs"):
        return
    for prefix in storage.listdir("blobs")[0]:
        yield from (name for name in storage.listdir(f"blobs/{prefix}")[1] if name[0] != ".")


def _named() -> set[str]:
    named = set(Dataset.objects.values_list("digest", flat=True))
    named |= set(Evaluation.objects.values_list("outputs_digest", flat=True))
    waiting = ModelJob.objects.filter(status__in=(JobStatus.QUEUED, JobStatus.RUNNING))
    named |= set(waiting.values_list("parameters__upload", flat=True))
    versions = ModelVersion.objects.filter(deleted_at=None)
    for digest, manifest in versions.values_list("digest", "manifest"):
        named |= {digest, *manifest["files"].values()}
    return named
