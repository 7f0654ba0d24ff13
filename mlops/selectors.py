"""What is asked about models and versions."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from mlops.constants import Status
from mlops.models import ModelVersion


def version_folder(version: ModelVersion) -> Path:
    """Where the artifact of *version* lies."""
    folder: Path = settings.MODELS_DIR / version.folder
    return folder


def version_serving() -> ModelVersion | None:
    """The version in production, or None before the first promotion."""
    return (
        ModelVersion.objects.select_related("model")
        .filter(status=Status.PRODUCTION)
        .order_by("pk")
        .last()
    )
