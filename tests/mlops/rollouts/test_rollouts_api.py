"""/api/v1/rollouts/"""

from __future__ import annotations

import pytest

from accounts.models import User
from accounts.services import api_key_create
from mlops.models import Rollout
from mlops.selectors import version_serving
from mlops.services.versions import version_register

URL = "/api/v1/rollouts/"


@pytest.fixture(scope="module", autouse=True)
def _database(django_db_blocker):
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def body(server, second_folder) -> dict:
    """A rollout for a key that nobody uses."""
    row, _ = api_key_create(user=User.objects.create_user("unused@example.org"), name="unused")
    challenger = version_register(folder=second_folder)
    return {
        "name": "by-api",
        "scopes": [f"key:{row.lookup_id}"],
        "guardrails": {"p95_ratio": 3.0},
        "arms": [
            {"name": "old", "version": version_serving().name, "weight": 95, "champion": True},
            {"name": "new", "version": challenger.name, "weight": 5},
        ],
    }


def problem(response) -> tuple[int, str, str | None]:
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error["attr"]


def test_it_works(owner, body):
    post, get = owner.client.post, owner.client.get
    made = post(URL, json=body)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["guardrails"]["p95_ratio"]) == ("draft", 3.0)
    assert [arm["share"] for arm in made.json()["arms"]] == [0.95, 0.05]
    one = f"{URL}by-api/"
    assert post(f"{one}start/", json={"reason": "go"}).json()["state"] == "running"
    ramped = post(f"{one}ramp/", json={"arm": "new", "share": 0.5}).json()
    assert [arm["share"] for arm in ramped["arms"]] == [0.5, 0.5]
    paused = post(f"{one}pause/", json={"arm": "new", "reason": "looks odd"}).json()
    assert paused["arms"][1]["pause_reason"] == "looks odd"
    assert post(f"{one}resume/", json={"arm": "new"}).json()["arms"][1]["paused_at"] is None
    report = get(f"{one}report/").json()
    assert report["verdicts"] == ["Not every live arm has answered since the weights changed."]
    assert post(f"{one}pause/", json={}).json()["state"] == "paused"
    assert post(f"{one}resume/", json={}).json()["state"] == "running"
    assert post(f"{one}conclude/", json={}).json()["state"] == "concluded"
    assert get(one).json()["concluded_at"]
    assert "by-api" in [each["name"] for each in get(URL).json()["rollouts"]]
    events = [each.action for each in Rollout.objects.get(name="by-api").events.all()]
    assert events[::-1] == [
        *("created", "started", "ramped", "arm_paused", "arm_resumed"),
        *("paused", "resumed", "concluded"),
    ]


def test_a_step_out_of_turn_is_a_conflict(owner, body):
    owner.client.post(URL, json=body | {"name": "early"})
    response = owner.client.post(f"{URL}early/conclude/", json={})
    assert problem(response) == (409, "illegal_transition", None)
    owner.client.post(f"{URL}early/start/", json={})
    other = owner.client.post(URL, json=body | {"name": "overlapping"})
    assert other.status_code == 201
    response = owner.client.post(f"{URL}overlapping/start/", json={})
    assert problem(response) == (409, "scopes_overlap", None)
    assert "of the running rollout early" in response.json()["errors"][0]["detail"]
    owner.client.post(f"{URL}early/conclude/", json={})


@pytest.mark.parametrize(
    ("change", "code", "attr"),
    [
        ({"name": "plan"}, "name_reserved", "name"),
        ({"name": "no spaces"}, "invalid", "name"),
        ({"scopes": ["tier:gold"]}, "scope_unknown", "scopes"),
        ({"unit": "mood"}, "invalid_choice", "unit"),
        ({"schedule": [{"share": 0.5, "minutes": -1}]}, "schedule_step", "schedule"),
        ({"guardrails": {"p95_ratio": 0.5}}, "invalid", "p95_ratio"),
        ({"guardrails": {"mood": 1}}, "unknown_field", "guardrails.mood"),
        ({"colour": "red"}, "unknown_field", "colour"),
    ],
    ids=str,
)
def test_bad_input_is_named_and_nothing_is_kept(owner, body, change, code, attr):
    before = Rollout.objects.count()
    response = owner.client.post(URL, json=body | {"name": "wrong"} | change)
    assert problem(response) == (400, code, attr)
    assert Rollout.objects.count() == before


def test_an_unknown_version_is_named_by_its_arm(owner, body):
    arms = [body["arms"][0], body["arms"][1] | {"version": "nothing:3"}]
    response = owner.client.post(URL, json=body | {"name": "wrong", "arms": arms})
    assert problem(response) == (400, "version_unknown", "arms.1.version")


def test_a_name_twice(owner, body):
    owner.client.post(URL, json=body | {"name": "twice"})
    response = owner.client.post(URL, json=body | {"name": "twice"})
    assert problem(response) == (400, "invalid", "name")


def test_how_long_it_would_take(owner):
    query = {"baseline": 0.8, "effect": 0.03, "outcome": "answers"}
    plan = owner.client.get(f"{URL}plan/", params=query).json()
    assert 4_000 < plan["champion"] < 7_000
    assert plan["per_day"] >= 0
    response = owner.client.get(f"{URL}plan/", params=query | {"effect": 0.3})
    assert problem(response) == (400, "plan_impossible", None)
