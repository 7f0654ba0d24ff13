"""Background work: a task takes ids and calls one service."""

from __future__ import annotations

from config.celery import app
from mlops.inference.manifest import Precision
from mlops.models import ModelVersion
from mlops.services.versions import version_export


@app.task  # type: ignore[untyped-decorator]
def version_export_task(version_id: int, precision: Precision) -> int:
    """Export a version to ONNX; answers the id of the child. Running it twice exports once."""
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    return version_export(version=version, precision=precision).pk
