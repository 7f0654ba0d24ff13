"""What other apps may use of this one."""

from __future__ import annotations

from mlops.inference.errors import ArtifactError
from mlops.log.callers import caller_of
from mlops.log.recorder import recorder as _recorder
from mlops.log.records import PLAIN, Caller, Document, Exposure, Stages
from mlops.log.records import Request as PredictionRequest
from mlops.models import ModelVersion
from mlops.rollouts.metrics import shadow_count, shadow_pauses, shadow_waiting
from mlops.rollouts.routing import routing_table as routing_table_current
from mlops.rollouts.routing import version_pinned
from mlops.rollouts.services import arm_stop
from mlops.selectors import VersionNotFoundError, serving_artifact, version_folder, version_serving
from mlops.services.export import ExportError, version_export
from mlops.services.versions import version_load_failed, version_promote, version_register

# Functions of the one recorder of this process.
predictions_record = _recorder.record
log_start = _recorder.start
log_state = _recorder.state

__all__ = [
    "PLAIN",
    "ArtifactError",
    "Caller",
    "Document",
    "ExportError",
    "Exposure",
    "ModelVersion",
    "PredictionRequest",
    "Stages",
    "VersionNotFoundError",
    "arm_stop",
    "caller_of",
    "log_start",
    "log_state",
    "predictions_record",
    "routing_table_current",
    "serving_artifact",
    "shadow_count",
    "shadow_pauses",
    "shadow_waiting",
    "version_export",
    "version_folder",
    "version_load_failed",
    "version_pinned",
    "version_promote",
    "version_register",
    "version_serving",
]
