"""Answers of each arm over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncDay, TruncHour, TruncMinute
from django.utils import timezone

from mlops.models import Arm, Prediction, Rollout

# More columns than this no screen shows apart.
MAX_COLUMNS = 120
_STEPS = (
    (timedelta(minutes=1), TruncMinute),
    (timedelta(hours=1), TruncHour),
    (timedelta(days=1), TruncDay),
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """``counts[i][j]`` answers of arm j in the step that begins at ``times[i]``."""

    arms: Sequence[Arm]
    step: timedelta
    times: list[datetime]
    counts: list[list[int]]


def timeline_of(rollout: Rollout) -> Timeline:
    """The live arms' answers since the start, in minutes, hours or days; the newest columns."""
    arms = [arm for arm in rollout.arms.all() if arm.mode == "live"]
    until = rollout.concluded_at or timezone.now()
    started = rollout.started_at or until
    step, truncate = next(
        ((step, kind) for step, kind in _STEPS if (until - started) / step <= MAX_COLUMNS),
        _STEPS[-1],
    )
    since = max(started, until - step * MAX_COLUMNS)
    rows = (
        Prediction.objects.between(since, until)
        .filter(arm_id__in=[arm.pk for arm in arms])
        .values_list(truncate("created_at"), "arm_id")
        .annotate(n=Count("pk"))
        .order_by()
    )
    found: Counter[tuple[datetime, int]] = Counter({(at, arm): n for at, arm, n in rows})
    if not found:
        return Timeline(arms, step, [], [])
    first, last = min(at for at, _ in found), max(at for at, _ in found)
    times = [first + step * i for i in range(int((last - first) / step) + 1)]
    counts = [[found[at, arm.pk] for arm in arms] for at in times]
    return Timeline(arms, step, times, counts)
