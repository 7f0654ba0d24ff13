"""The life of a rollout"""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import api_key_create
from mlops.models import RolloutEvent, RolloutScope
from mlops.rollouts.constants import Mode, RolloutState
from mlops.rollouts.errors import RolloutConflictError, RolloutError
from mlops.rollouts.routing import routing_table
from mlops.rollouts.services import (
    arm_pause,
    arm_resume,
    arm_stop,
    rollout_conclude,
    rollout_pause,
    rollout_ramp,
    rollout_resume,
    rollout_start,
)
from mlops.rollouts.validation import ArmSpec
from mlops.routing.table import Caller
from mlops.selectors import version_serving
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db
SUBJECTS = [str(number) for number in range(2_000)]


def split() -> Counter[str | None]:
    table = routing_table()
    rollout = table.rollout_for(Caller())
    if rollout is None:
        return Counter()
    arms = (rollout.choose(Caller(subject=subject)) for subject in SUBJECTS)
    return Counter(arm.name if arm else None for arm in arms)


def test_it_works(make):
    rollout = rollout_start(rollout=make())
    assert rollout.state == RolloutState.RUNNING
    assert 50 < split()["challenger"] < 150
    actions = [event.action for event in rollout.events.all()]
    assert actions == ["started", "created"]


def test_a_draft_routes_nobody(make):
    make()
    assert split() == {}
    assert routing_table().production.digest == version_serving().digest


def test_a_ramp_moves_subjects_to_the_arm_only(make):
    rollout = rollout_start(rollout=make())
    table = routing_table().everyone
    before = {each: table.choose(Caller(subject=each)).name for each in SUBJECTS}
    rollout_ramp(rollout=rollout, arm="challenger", share=0.25)
    table = routing_table().everyone
    after = {each: table.choose(Caller(subject=each)).name for each in SUBJECTS}
    assert {after[each] for each in SUBJECTS if before[each] != after[each]} == {"challenger"}
    assert 420 < Counter(after.values())["challenger"] < 580


def test_pause_and_resume(make):
    rollout = rollout_start(rollout=make())
    rollout_pause(rollout=rollout, reason="lunch")
    assert split() == {}
    rollout_resume(rollout=rollout)
    assert set(split()) == {"champion", "challenger"}


def test_a_paused_arm_leaves_its_subjects_to_the_champion_and_the_others_alone(make, spec):
    third = ArmSpec("third", spec.arms[1].version, 50)
    rollout = rollout_start(rollout=make(arms=[*spec.arms, third]))
    before = split()
    arm_pause(arm=rollout.arms.get(name="third"), reason="by hand")
    after = split()
    assert after[None] == before["third"]
    assert (after["champion"], after["challenger"]) == (before["champion"], before["challenger"])
    arm_resume(arm=rollout.arms.get(name="third"))
    assert split() == before


def test_a_guardrail_says_why_once(make, caplog):
    rollout = rollout_start(rollout=make())
    arm = rollout.arms.get(name="challenger")
    stop = {"arm_id": arm.pk, "reason": "5 of 50 failed", "detail": {"guardrail": "errors"}}
    assert arm_stop(**stop)
    assert not arm_stop(**stop)
    (event,) = rollout.events.filter(action="arm_paused")
    assert (event.actor, event.reason) == (None, "5 of 50 failed")
    assert not arm_stop(**stop | {"arm_id": rollout.arms.get(champion=True).pk})


@pytest.mark.django_db(transaction=False)
def test_the_webhook_is_told(make, settings, django_capture_on_commit_callbacks):
    got: list[dict] = []
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.handle_request, daemon=True).start()
    settings.GUARDRAIL_WEBHOOK = f"http://127.0.0.1:{server.server_port}/alert"
    rollout = rollout_start(rollout=make())
    with django_capture_on_commit_callbacks(execute=True):
        arm_stop(
            arm_id=rollout.arms.get(name="challenger").pk,
            reason="too slow",
            detail={"guardrail": "latency"},
        )
    assert arrived.wait(PATIENCE)
    server.server_close()
    assert (got[0]["rollout"], got[0]["arm"], got[0]["reason"]) == (
        "better",
        "challenger",
        "too slow",
    )


def test_the_winner_is_promoted_as_the_rollout_ends(make, challenger):
    rollout = rollout_start(rollout=make())
    rollout_conclude(rollout=rollout, winner="challenger", reason="better on tickets")
    assert version_serving() == challenger
    assert split() == {}
    assert challenger.events.first().reason == "won the rollout better: better on tickets"


def test_without_a_winner_production_stays(make, champion):
    rollout_conclude(rollout=rollout_start(rollout=make()))
    assert version_serving() == champion


def test_a_schedule_starts_at_its_first_share(make):
    rollout = rollout_start(rollout=make(schedule=[{"share": 0.01, "minutes": 60}]))
    arm = rollout.arms.get(name="challenger")
    assert arm.weight == pytest.approx(95 / 99)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["everyone"], ["everyone"]),
        (["everyone"], ["tier:free"]),
        (["tier:free", "tier:standard"], ["tier:free"]),
        (["key"], ["tier:standard"]),
    ],
)
def test_two_rollouts_do_not_run_in_overlapping_scopes(make, first, second):
    key, _ = api_key_create(user=User.objects.create_user("scope@example.org"), name="k")
    first = [f"key:{key.lookup_id}" if scope == "key" else scope for scope in first]
    rollout_start(rollout=make(name="first", scopes=first))
    other = make(name="second", scopes=second)
    with pytest.raises(RolloutConflictError, match="of the running rollout first"):
        rollout_start(rollout=other)
    other.refresh_from_db()
    assert other.state == RolloutState.DRAFT


def test_rollouts_of_different_tiers_run_side_by_side(make):
    rollout_start(rollout=make(name="first", scopes=["tier:free"]))
    rollout_start(rollout=make(name="second", scopes=["tier:standard"]))
    table = routing_table()
    assert set(table.tiers) == {"free", "standard"}
    assert table.rollout_for(Caller(tier="internal")) is None


def test_the_database_refuses_a_second_running_rollout_of_a_scope(make):
    rollout_start(rollout=make(name="first"))
    other = make(name="second")
    with pytest.raises(IntegrityError), transaction.atomic():
        RolloutScope.objects.filter(rollout=other).update(running=True)


@pytest.mark.parametrize(
    "change",
    [{"champion": True}, {"weight": -1}, {"mode": Mode.SHADOW, "weight": 5}],
    ids=str,
)
def test_the_database_refuses_arms_that_make_no_sense(make, change):
    rollout = make()
    with pytest.raises(IntegrityError), transaction.atomic():
        rollout.arms.filter(name="challenger").update(**change)


def test_illegal_steps_change_nothing(make):
    rollout = make()
    for step in (rollout_pause, rollout_resume, rollout_conclude):
        with pytest.raises(RolloutConflictError, match="is draft, not"):
            step(rollout=rollout)
    rollout_conclude(rollout=rollout_start(rollout=rollout))
    before = RolloutEvent.objects.count()
    with pytest.raises(RolloutConflictError, match="is concluded, not"):
        rollout_ramp(rollout=rollout, arm="challenger", share=0.5)
    assert RolloutEvent.objects.count() == before


@pytest.mark.parametrize(
    ("arm", "share", "code"),
    [("champion", 0.5, "champion_ramped"), ("nobody", 0.5, "arm_unknown")]
    + [("challenger", share, "share_invalid") for share in (-0.1, 1, 7)],
)
def test_a_wrong_ramp_is_refused(make, arm, share, code):
    rollout = rollout_start(rollout=make())
    with pytest.raises(RolloutError) as error:
        rollout_ramp(rollout=rollout, arm=arm, share=share)
    assert error.value.code == code
