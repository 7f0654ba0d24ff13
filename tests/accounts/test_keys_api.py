"""/api/v1/keys/"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent
from accounts.services import api_key_create
from tests.accounts.conftest import error_of
from tests.waiting import wait_for

KEYS = "/api/v1/keys/"
ME = "/api/v1/me/"


def test_it_works(server, person, bearer, connect):
    client = bearer(person())
    made = client.post(KEYS, json={"name": "ci", "scopes": ["emotions:read"]})
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert connect(server, made.json()["key"]).get(ME).status_code == 200
    (listed,) = client.get(KEYS).json()["keys"]
    assert listed == {name: value for name, value in made.json().items() if name != "key"} | {
        "last_used_at": listed["last_used_at"]
    }
    assert listed["scopes"] == ["emotions:read"]
    assert listed["created_by"] == listed["user"]


def test_a_rotated_key_and_its_successor_both_work_until_the_grace_is_over(
    server, person, bearer, connect
):
    user = person()
    client = bearer(user)
    old = client.post(KEYS, json={"name": "ci", "scopes": ["jobs"]}).json()
    new = client.post(f"{KEYS}{old['id']}/rotate/", json={"grace_seconds": 3600}).json()
    asked = timezone.now()
    assert new["replaces"] == old["id"]
    assert new["scopes"] == ["jobs"]
    clients = [connect(server, key["key"]) for key in (old, new)]
    assert [each.get(ME).status_code for each in clients] == [200, 200]
    row = ApiKey.objects.get(lookup_id=old["id"])
    assert row.expires_at is not None
    assert asked < row.expires_at <= asked + timedelta(hours=1)
    ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    wait_for(lambda: [each.get(ME).status_code for each in clients] == [401, 200])


def test_without_grace_the_old_key_ends_at_once(server, person, bearer, connect):
    client = bearer(person())
    old = client.post(KEYS, json={"name": "leaked"}).json()
    connection = connect(server, old["key"])
    assert connection.get(ME).status_code == 200
    rotated = client.post(f"{KEYS}{old['id']}/rotate/", json={"grace_seconds": 0})
    assert rotated.status_code == 201
    wait_for(lambda: connection.get(ME).status_code == 401)


@pytest.mark.parametrize(
    ("before", "code"),
    [("rotate", "rotated_already"), ("revoke", "not_usable")],
)
def test_a_key_is_rotated_once_and_only_while_it_works(person, bearer, before, code):
    client = bearer(person())
    key = client.post(KEYS, json={"name": "ci"}).json()
    client.post(f"{KEYS}{key['id']}/{before}/", json={})
    response = client.post(f"{KEYS}{key['id']}/rotate/", json={})
    assert response.status_code == 400
    assert error_of(response)["code"] == code


def test_revoking_twice_keeps_the_first_time(person, bearer):
    client = bearer(person())
    key = client.post(KEYS, json={"name": "ci"}).json()
    first = client.post(f"{KEYS}{key['id']}/revoke/").json()["revoked_at"]
    assert first is not None
    assert client.post(f"{KEYS}{key['id']}/revoke/").json()["revoked_at"] == first


@pytest.mark.parametrize(
    ("body", "attr", "code"),
    [
        ({}, "name", "required"),
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 101}, "name", "max_length"),
        ({"name": "a", "scopes": ["everything"]}, "scopes.0", "invalid_choice"),
        ({"name": "a", "scopes": ["models:write"]}, "scopes", "scope_not_allowed"),
        ({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at", "past"),
        ({"name": "a", "expires_at": "soon"}, "expires_at", "invalid"),
        ({"name": "a", "allowed_networks": ["here"]}, "allowed_networks", "invalid_network"),
        ({"name": "a", "allowed_networks": ["10.0.0.1/8"]}, "allowed_networks", "invalid_network"),
        ({"name": "a", "secret": "mine"}, "secret", "unknown_field"),
    ],
)
def test_bad_input_names_the_field(server, members_token, body, attr, code):
    response = members_token.post(KEYS, json=body)
    assert response.status_code == 400
    assert (error_of(response)["attr"], error_of(response)["code"]) == (attr, code)


@pytest.fixture
def members_token(person, bearer):
    return bearer(person())


def test_a_key_cannot_make_another(server, person, key_client):
    client = key_client(person())
    response = client.post(KEYS, json={"name": "more"})
    assert response.status_code == 403
    assert error_of(response)["code"] == "person_required"


def test_a_user_cannot_pile_up_keys(server, person, bearer, monkeypatch):
    user = person()
    rows = [
        ApiKey(user=user, name="many", lookup_id=f"{user.pk.hex[:8]}{number:04}", pepper_number=0)
        for number in range(100)
    ]
    ApiKey.objects.bulk_create(rows)
    response = bearer(user).post(KEYS, json={"name": "one more"})
    assert response.status_code == 400
    assert error_of(response)["code"] == "too_many_keys"


def test_every_step_is_in_the_audit_trail(person, bearer):
    user = person()
    client = bearer(user)
    key = client.post(KEYS, json={"name": "ci"}).json()
    client.post(f"{KEYS}{key['id']}/rotate/", json={})
    client.post(f"{KEYS}{key['id']}/revoke/")
    events = AuditEvent.objects.filter(actor_id=user.pk).order_by("id")
    assert [event.action for event in events] == [
        *("login", "key_created", "key_created", "key_rotated", "key_revoked")
    ]
    assert {event.address for event in events[1:]} == {"127.0.0.1"}
    assert all(event.request_id for event in events)


def test_a_key_of_another_user_does_not_exist(person, bearer):
    row, _ = api_key_create(user=person(), name="theirs")
    client = bearer(person())
    for action in ("rotate", "revoke"):
        response = client.post(f"{KEYS}{row.lookup_id}/{action}/", json={})
        assert response.status_code == 404
        assert error_of(response)["code"] == "not_found"
