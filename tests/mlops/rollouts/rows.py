"""Rows of the request log, as the writer would have made them."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from mlops.log.ids import id_time, ids_make
from mlops.models import Arm, Prediction, Rollout


def prediction(
    arm: Arm, number: int, *, at: datetime | None = None, subject: str | None = None, **fields
) -> Prediction:
    """One answer of *arm* to its subject *number*."""
    moment = int((at.timestamp() if at else time.time()) * 1000)
    key = UUID(bytes=ids_make(1, moment)[0])
    values = {
        "request_id": uuid.uuid4().hex,
        "user_id": UUID(int=1),
        "subject_hash": UUID(bytes=hashlib.md5(f"{arm.pk}/{subject or number}".encode()).digest()),
        "version_id": arm.version_id,
        "rollout_id": arm.rollout_id,
        "arm_id": arm.pk,
        "shadow": arm.mode == "shadow",
        "top_label": "joy",
        "top_score": 0.9,
        "labels": ["joy"],
        "infer_ms": 3.0,
        "total_ms": 4.0,
    }
    return Prediction(id=key, created_at=id_time(key), **values | fields)


def save(rows: Iterable[Prediction]) -> list[Prediction]:
    return Prediction.objects.bulk_create(rows, batch_size=500)


def salted(rollout: Rollout) -> Rollout:
    """*rollout* with the salt of the tests: who meets which arm is the same in every run."""
    Rollout.objects.filter(pk=rollout.pk).update(salt="of the tests")
    rollout.refresh_from_db()
    return rollout
