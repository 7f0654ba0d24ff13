"""Uploaded archives: limited before they are read, kept until a worker unpacks them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from mlops.inference.errors import ArtifactError
from mlops.storage import blob_save


class UploadTooLargeError(ArtifactError):
    """An upload past the limit; it was not kept."""

    code = "upload_too_large"


def upload_check(request: HttpRequest) -> None:
    """Refuse a body past the limit, which the upload handler has not kept either.

    Raises:
        UploadTooLargeError: naming limit and size.
    """
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if size > settings.UPLOAD_LIMIT:
        raise UploadTooLargeError(
            f"the upload has {size / 1e6:,.0f} MB; at most {settings.MODELS_UPLOAD_MB:,} MB are "
            "taken (MODELS_UPLOAD_MB)"
        )


def upload_keep(file: UploadedFile[Any]) -> str:
    """Keep an uploaded archive under its digest, and return that."""
    if hasattr(file, "temporary_file_path"):
        return blob_save(Path(file.temporary_file_path()))
    with tempfile.NamedTemporaryFile() as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.flush()
        return blob_save(Path(copy.name))
