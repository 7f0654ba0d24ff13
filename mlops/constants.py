"""Names of states and formats, as the database and the API spell them."""

from __future__ import annotations

from django.db import models


class Format(models.TextChoices):
    """How the weights are stored."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx", "ONNX"


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
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back", "Rolled back to"


class Status(models.TextChoices):
    """Where a version is in its life."""

    DRAFT = "draft"
    VALIDATED = "validated"
    PRODUCTION = "production"
    ARCHIVED = "archived"
    FAILED = "failed"
