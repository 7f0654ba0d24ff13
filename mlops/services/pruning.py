"""Files that no row names: killed uploads, deleted versions, results of abandoned work."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone

from mlops.services.files import files_forget, files_named
from mlops.storage import INCOMING, blob_name


def models_prune(*, hours: float) -> dict[str, int]:
    """Delete blobs that nothing names and unfinished folders, if older than *hours*."""
    before, storage = timezone.now() - timedelta(hours=hours), storages["models"]
    named = files_named()
    old = [
        digest
        for digest in _stored()
        if digest not in named and storage.get_modified_time(blob_name(digest)) < before
    ]
    found = files_forget(old)
    for folder in Path(settings.MODELS_DIR).rglob(f"{INCOMING}*"):
        if folder.stat().st_mtime < before.timestamp():
            found["files"] += 1
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    return found


def _stored() -> Iterator[str]:
    storage = storages["models"]
    if not storage.exists("blobs"):
        return
    for prefix in storage.listdir("blobs")[0]:
        yield from (name for name in storage.listdir(f"blobs/{prefix}")[1] if name[0] != ".")
