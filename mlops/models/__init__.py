"""The rows of model operations."""

from __future__ import annotations

from mlops.models.aggregates import DriftEvent, DriftHour, LogArchive, LogExport
from mlops.models.evaluation import Dataset, Evaluation, PromotionGate
from mlops.models.jobs import ModelJob
from mlops.models.log import Prediction, UsageHour
from mlops.models.registry import Model, ModelEvent, ModelVersion, VersionAlias
from mlops.models.rollouts import Arm, Feedback, Rollout, RolloutEvent, RolloutScope

__all__ = [
    "Arm",
    "Dataset",
    "DriftEvent",
    "DriftHour",
    "Evaluation",
    "Feedback",
    "LogArchive",
    "LogExport",
    "Model",
    "ModelEvent",
    "ModelJob",
    "ModelVersion",
    "Prediction",
    "PromotionGate",
    "Rollout",
    "RolloutEvent",
    "RolloutScope",
    "UsageHour",
    "VersionAlias",
]
