"""A running rollout, seen from outside: arms, shadows and pins over HTTP, and in the log"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import httpx
import pytest

from accounts.models import ApiKey, User
from accounts.services import api_key_create
from mlops.models import Prediction
from mlops.rollouts.services import (
    arm_pause,
    arm_resume,
    rollout_conclude,
    rollout_create,
    rollout_ramp,
    rollout_start,
)
from mlops.rollouts.validation import ArmSpec, RolloutSpec
from mlops.selectors import version_serving
from mlops.services.versions import version_register
from tests.mlops.rollouts.rows import salted
from tests.waiting import PATIENCE, wait_for


@dataclass(frozen=True)
class Rolled:
    """Somebody whose key a rollout is for."""

    client: httpx.Client
    row: ApiKey

    def post(self, body: dict) -> httpx.Response:
        return self.client.post("/api/v1/emotions/analyze", json=body)


@pytest.fixture(scope="module")
def caller(server, django_db_blocker):
    """Somebody of their own, so that no other test is routed."""
    with django_db_blocker.unblock():
        # The same subjects in the same arms in every run.
        user = User.objects.create_user(
            "rolled@example.org", tier_id="internal", id=UUID(int=2**122 + 1)
        )
        row, key = api_key_create(user=user, name="rolled")
        headers = {"X-API-Key": key}
        with httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE) as client:
            yield Rolled(client, row)


@pytest.fixture(scope="module")
def rollout(caller, second_folder):
    champion, challenger = version_serving(), version_register(folder=second_folder)
    arms = [
        ArmSpec("champion", champion, 50, champion=True),
        ArmSpec("challenger", challenger, 50),
        ArmSpec("shadow", challenger, 1.0, mode="shadow"),
    ]
    spec = RolloutSpec(name="served", arms=arms, scopes=[f"key:{caller.row.lookup_id}"])
    running = rollout_start(rollout=salted(rollout_create(spec=spec)))
    wait_for(lambda: len({digest(caller, f"warm-{n}") for n in range(20)}) == 2)
    yield running
    rollout_conclude(rollout=running)


def digest(caller, subject: str) -> str:
    return analyze(caller, subject=subject)["meta"]["model"]["digest"]


def analyze(caller, text: str = "Thank you so much", **body) -> dict:
    response = caller.post({"text": text, **body})
    assert response.status_code == 200, response.text
    return response.json()


def logged(answer: dict) -> Prediction:
    key = UUID(answer["results"][0]["id"])
    wait_for(lambda: Prediction.objects.by_id(key).exists())
    return Prediction.objects.by_id(key).get()


def test_it_works(caller, rollout):
    answers = {f"user-{n}": analyze(caller, f"text {n}", subject=f"user-{n}") for n in range(40)}
    rows = {subject: logged(answer) for subject, answer in answers.items()}
    arms = {arm.pk: arm for arm in rollout.arms.all()}
    split = Counter(arms[row.arm_id].name for row in rows.values())
    assert set(split) == {"champion", "challenger"}
    for subject, row in rows.items():
        assert row.rollout_id == rollout.pk
        assert row.version_id == arms[row.arm_id].version_id
        assert digest(caller, subject) == arms[row.arm_id].version.digest
        assert not (row.pinned)
        assert not (row.shadow)


def test_others_are_not_touched(rollout, member):
    body = member.analyze(text="not in the rollout", subject="user-1").json()
    assert body["meta"]["model"]["digest"] == version_serving().digest
    assert logged(body).rollout_id is None


def test_a_shadow_sees_the_same_text_and_answers_nobody(caller, rollout):
    row = logged(analyze(caller, "in the shadow of a doubt", subject="s"))
    shadow = rollout.arms.get(name="shadow")
    found = Prediction.objects.filter(request_id=row.request_id, shadow=True)
    wait_for(found.exists)
    twin = found.get()
    assert (twin.arm_id, twin.rollout_id) == (shadow.pk, rollout.pk)
    assert (twin.text_hash, twin.version_id) == (row.text_hash, shadow.version_id)
    assert twin.top_label == row.top_label
    assert twin.infer_ms > 0


def test_a_ramp_and_a_pause_reach_the_server(caller, rollout):
    subjects = [f"ramp-{n}" for n in range(60)]
    before = {each: digest(caller, each) for each in subjects}
    arm = rollout.arms.get(name="challenger")
    arm_pause(arm=arm, reason="by hand")
    champion = version_serving().digest
    wait_for(lambda: {digest(caller, each) for each in subjects} == {champion})
    arm_resume(arm=arm)
    wait_for(lambda: {each: digest(caller, each) for each in subjects} == before)
    rollout_ramp(rollout=rollout, arm="challenger", share=0.9)
    wait_for(lambda: Counter(digest(caller, each) for each in subjects)[champion] < 15)
    after = {each: digest(caller, each) for each in subjects}
    assert all(after[each] == arm.version.digest for each in subjects if before[each] != champion)


def test_a_version_asked_for_by_name_overrides_the_rollout(caller, rollout):
    challenger = rollout.arms.get(name="challenger").version
    name = f"{challenger.model.name}:{challenger.number}"
    for number in range(6):
        body = analyze(caller, "pinned", subject=f"pin-{number}", model=name)
        assert body["meta"]["model"]["digest"] == challenger.digest
        row = logged(body)
        assert (row.pinned, row.arm_id, row.version_id) == (True, None, challenger.pk)


def test_a_version_that_does_not_exist_is_named(caller, rollout):
    response = caller.post({"text": "x", "model": "nothing:9"})
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["code"], error["attr"]) == ("model_unknown", "model")
    assert "no version 'nothing:9'" in error["detail"]


def test_naming_a_version_needs_the_scope(server, caller, rollout):
    _, key = api_key_create(user=caller.row.user, name="no", scopes=["emotions:read"])
    response = httpx.post(
        f"{server.url}/api/v1/emotions/analyze",
        json={"text": "x", "model": "valence-minilm"},
        headers={"X-API-Key": key},
        timeout=PATIENCE,
    )
    assert response.status_code == 403
    assert response.json()["errors"][0]["code"] == "scope_missing"


def test_a_key_may_be_pinned(server, caller, rollout, owner):
    challenger = rollout.arms.get(name="challenger").version
    row, key = api_key_create(user=caller.row.user, name="pinned", scopes=["emotions:read"])
    pinned = f"{challenger.model.name}:{challenger.number}"
    pin = f"/api/v1/keys/{row.lookup_id}/pin/"
    assert owner.client.post(pin, json={"model": "nothing:9"}).status_code == 400
    assert owner.client.post(pin, json={"model": pinned}).json() == {"model": pinned}
    with httpx.Client(base_url=server.url, headers={"X-API-Key": key}, timeout=PATIENCE) as client:
        body = analyze(Rolled(client, row))
    assert body["meta"]["model"]["digest"] == challenger.digest
    assert logged(body).pinned
