"""What other apps may use of this one."""

from __future__ import annotations

from mlops.inference.errors import ArtifactError
from mlops.models import ModelVersion
from mlops.selectors import serving_artifact, version_folder, version_serving
from mlops.services.export import ExportError
from mlops.services.versions import version_export, version_promote, version_register

__all__ = [
    "ArtifactError",
    "ExportError",
    "ModelVersion",
    "serving_artifact",
    "version_export",
    "version_folder",
    "version_promote",
    "version_register",
    "version_serving",
]
