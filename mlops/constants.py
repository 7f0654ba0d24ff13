"""Names of states and formats, as the database and the API spell them."""

from __future__ import annotations

from django.db import models


class Format(models.TextChoices):
    """How the weights are stored; a cascade is two ONNX models."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx", "ONNX"
    CASCADE = "cascade"


class Precision(models.TextChoices):
    """The numeric type of the weights."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    INT8 = "int8"


class Action(models.TextChoices):
    """What can happen to a version."""

    REGISTERED = "registered"
    EXPORTED = "exported"
    VALIDATED = "validated"
    FAILED = "failed"
    EVALUATED = "evaluated"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back", "Rolled back to"
    ARCHIVED = "archived"
    RESTORED = "restored"
    DELETED = "deleted"
    ALIASED = "aliased", "Given an alias"
    LOAD_FAILED = "load_failed", "Could not be loaded"


class Status(models.TextChoices):
    """Where a version is in its life."""

    DRAFT = "draft"
    VALIDATED = "validated"
    PRODUCTION = "production"
    ARCHIVED = "archived"
    FAILED = "failed"


# From a status to those that may follow it. Production ends by another's promotion only.
TRANSITIONS: dict[str, frozenset[str]] = {
    Status.DRAFT: frozenset({Status.VALIDATED, Status.FAILED, Status.ARCHIVED}),
    Status.VALIDATED: frozenset({Status.PRODUCTION, Status.ARCHIVED, Status.FAILED}),
    Status.PRODUCTION: frozenset({Status.VALIDATED}),
    Status.ARCHIVED: frozenset({Status.VALIDATED}),
    Status.FAILED: frozenset({Status.ARCHIVED}),
}
# The alias that follows promotions by itself; others are set by people.
CHAMPION = "champion"


class JobKind(models.TextChoices):
    """Work that takes longer than a request."""

    REGISTER = "register"
    EXPORT = "export"
    EVALUATE = "evaluate"
    REPLAY = "replay"


class JobStatus(models.TextChoices):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class GateMetric(models.TextChoices):
    """What a promotion gate looks at; the limit's meaning is in the label."""

    F1_MACRO = "f1_macro", "macro-F1 may fall below the champion's by at most"
    CALIBRATION = "calibration_error", "mean calibration error at most"
    LATENCY = "latency_p95", "p95 latency at most, in multiples of the champion's"
    MEMORY = "memory", "resident memory at most, in MB"
    BEHAVIOUR = "behaviour", "share of behavioural cases passed at least"
