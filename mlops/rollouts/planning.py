"""The planner, fed with today's traffic."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from mlops.models import Feedback, Prediction
from mlops.statistics.planner import Plan, comparison_plan

DAY = timedelta(days=1)


def answers_per_day() -> int:
    """Live answers of the last 24 hours."""
    return Prediction.objects.between(timezone.now() - DAY).filter(shadow=False).count()


def feedback_per_day() -> int:
    """Feedback of the last 24 hours."""
    return Feedback.objects.filter(created_at__gte=timezone.now() - DAY).count()


def rollout_plan(
    *, baseline: float, effect: float, power: float, share: float, outcome: str
) -> tuple[Plan, int]:
    """Answers in each arm and days at today's traffic; also that traffic, of one day.

    Agreement is known of what gets feedback, every other outcome of all answers.

    Raises:
        PlanError: naming what is out of range.
    """
    per_day = feedback_per_day() if outcome == "agreement" else answers_per_day()
    plan = comparison_plan(
        baseline=baseline, effect=effect, power=power, share=share, per_day=per_day
    )
    return plan, per_day
