"""Names of states and units, and limits with their reasons."""

from __future__ import annotations

from django.db import models

# More arms than this share too few answers to be told apart.
MAX_ARMS = 8
# Keys or tiers of one rollout; each is a row and an entry of the routing table.
MAX_SCOPES = 200
MAX_STEPS = 20
# Endpoints of their own beside the names.
RESERVED_NAMES = frozenset({"plan"})
# Every caller; the other scopes are "tier:NAME" and "key:ID".
EVERYONE = "everyone"
# A month: the request log is kept that long by default, and older opinions tell of older users.
FEEDBACK_DAYS = 30


class RolloutState(models.TextChoices):
    """Where a rollout is in its life."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    CONCLUDED = "concluded"


class Mode(models.TextChoices):
    """Whether an arm's answers reach anybody."""

    LIVE = "live"
    SHADOW = "shadow"


class Unit(models.TextChoices):
    """What stays in one arm."""

    SUBJECT = "subject", "the caller's subject, else its key, else its user"
    KEY = "key", "API key, else user"
    USER = "user", "user"
    REQUEST = "request", "every request for itself"


class RolloutAction(models.TextChoices):
    """What can happen to a rollout."""

    CREATED = "created"
    STARTED = "started"
    RAMPED = "ramped"
    PAUSED = "paused"
    RESUMED = "resumed"
    ARM_PAUSED = "arm_paused", "Arm paused"
    ARM_RESUMED = "arm_resumed", "Arm resumed"
    CONCLUDED = "concluded"
