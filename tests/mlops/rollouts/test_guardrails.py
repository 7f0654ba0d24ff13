"""What stops an arm, or lets a ramp go on"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mlops.models import Rollout
from mlops.rollouts.guardrails import guardrails_evaluate
from mlops.rollouts.services import arm_pause, rollout_start
from mlops.rollouts.validation import ArmSpec
from tests.mlops.rollouts.rows import prediction, save

pytestmark = pytest.mark.django_db
SCHEDULE = [{"share": 0.01, "minutes": 10}, {"share": 0.05, "minutes": 10}]


@pytest.fixture
def started(make):
    """A rollout that started so many minutes ago."""

    def start(minutes: float = 5, **changes) -> Rollout:
        rollout = rollout_start(rollout=make(**changes))
        Rollout.objects.filter(pk=rollout.pk).update(
            stage_at=timezone.now() - timedelta(minutes=minutes)
        )
        rollout.refresh_from_db()
        return rollout

    return start


def serve(rollout, name, count, **fields):
    arm = rollout.arms.get(name=name)
    save(prediction(arm, number, **fields) for number in range(count))
    return arm


def stopped(arm) -> str:
    arm.refresh_from_db()
    return arm.pause_reason if arm.paused_at else ""


def test_it_works(started):
    rollout = started()
    serve(rollout, "champion", 600)
    arm = serve(rollout, "challenger", 600)
    assert guardrails_evaluate() == []
    assert stopped(arm) == ""


def test_errors_stop_an_arm_and_say_so(started):
    rollout = started()
    serve(rollout, "champion", 300)
    arm = serve(rollout, "challenger", 90)
    save(prediction(arm, n, error_code="inference_failed") for n in range(10))
    (done,) = guardrails_evaluate()
    assert done == "better/challenger stopped: " + stopped(arm)
    assert stopped(arm) == "10 of 100 documents failed (10.0%; 2.0% are allowed)."
    event = rollout.events.first()
    assert (event.action, event.actor, event.detail["guardrail"]) == ("arm_paused", None, "errors")
    assert guardrails_evaluate() == []


def test_errors_of_the_champion_are_allowed_to_the_arm(started):
    rollout = started()
    for name in ("champion", "challenger"):
        arm = serve(rollout, name, 90)
        save(prediction(arm, n, error_code="queue_full") for n in range(10))
    assert guardrails_evaluate() == []


def test_a_slow_arm_is_stopped(started):
    rollout = started()
    serve(rollout, "champion", 200)
    arm = serve(rollout, "challenger", 200, infer_ms=30.0)
    guardrails_evaluate()
    assert "95th percentile of its latency is 10.0 times the champion's" in stopped(arm)


def test_cached_answers_say_nothing_of_latency(started):
    rollout = started()
    serve(rollout, "champion", 200, infer_ms=0.0, cached=True)
    arm = serve(rollout, "challenger", 200, infer_ms=30.0)
    assert guardrails_evaluate() == []
    assert stopped(arm) == ""


def test_an_arm_that_says_nothing_is_stopped(started):
    rollout = started()
    serve(rollout, "champion", 500)
    arm = serve(rollout, "challenger", 500, low_confidence=True, labels=[])
    guardrails_evaluate()
    assert "Answers without any label are +100.0% more frequent" in stopped(arm)


def test_an_arm_that_says_something_else_is_stopped(started):
    rollout = started()
    serve(rollout, "champion", 600)
    arm = serve(rollout, "challenger", 600, top_label="anger")
    guardrails_evaluate()
    assert "100.0% of its answers would have to change" in stopped(arm)


def test_a_slow_shadow_goes_on_a_failing_one_does_not(make, spec):
    shadow = ArmSpec("shadow", spec.arms[1].version, 1.0, mode="shadow")
    rollout = rollout_start(rollout=make(arms=[spec.arms[0], shadow]))
    Rollout.objects.update(stage_at=timezone.now() - timedelta(minutes=5))
    serve(rollout, "champion", 200)
    arm = serve(rollout, "shadow", 200, infer_ms=300.0)
    assert guardrails_evaluate() == []
    save(prediction(arm, n, error_code="inference_failed") for n in range(100))
    guardrails_evaluate()
    assert "100 of 300 documents failed" in stopped(arm)


def test_what_happened_before_the_weights_changed_is_forgotten(started):
    rollout = started(minutes=1)
    serve(rollout, "champion", 100)
    long_ago = timezone.now() - timedelta(minutes=3)
    serve(rollout, "challenger", 100, at=long_ago, error_code="inference_failed")
    assert guardrails_evaluate() == []


def test_a_ramp_goes_on_when_its_time_is_up(started):
    rollout = started(minutes=11, schedule=SCHEDULE)
    for name in ("champion", "challenger"):
        serve(rollout, name, 1, at=timezone.now() - timedelta(minutes=10))
    serve(rollout, "champion", 99)
    arm = serve(rollout, "challenger", 1)
    assert guardrails_evaluate() == ["better/challenger ramped to 5%"]
    arm.refresh_from_db()
    rollout.refresh_from_db()
    assert arm.weight == pytest.approx(5)
    assert rollout.step == 1
    assert guardrails_evaluate() == []


def test_a_ramp_waits_for_its_time_its_arms_and_a_sound_split(started):
    rollout = started(minutes=5, schedule=SCHEDULE)
    for name in ("champion", "challenger"):
        serve(rollout, name, 1, at=timezone.now() - timedelta(minutes=4))
    serve(rollout, "champion", 600)
    serve(rollout, "challenger", 60)
    assert guardrails_evaluate() == []  # its time is not up
    Rollout.objects.update(stage_at=timezone.now() - timedelta(minutes=11))
    assert guardrails_evaluate() == []  # 60 of 660 is not 1 %
    arm_pause(arm=rollout.arms.get(name="challenger"), reason="by hand")
    assert guardrails_evaluate() == []


def test_a_rollout_that_cannot_be_looked_at_leaves_the_others_guarded(started, caplog):
    before = started(name="before", scopes=["tier:free"])
    rollout = started(scopes=["tier:standard"])
    after = started(name="after", scopes=["tier:pro"])
    for broken in (before, after):
        broken.arms.filter(champion=True).delete()
    serve(rollout, "champion", 300)
    arm = serve(rollout, "challenger", 90)
    save(prediction(arm, n, error_code="inference_failed") for n in range(10))
    (done,) = guardrails_evaluate()
    assert done.startswith("better/challenger stopped")
    assert "guardrails of rollout before" in caplog.text
    assert "guardrails of rollout after" in caplog.text
