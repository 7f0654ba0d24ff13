"""Authorization: Api-Key val_<id>_<secret>"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any

import httpx
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.keys import checksum_valid, key_digest, key_generate, key_parse
from accounts.models import ApiKey, AuditEvent
from accounts.services import api_key_create, api_key_revoke
from tests.accounts.conftest import error_of
from tests.waiting import PATIENCE, wait_for

ME = "/api/v1/me/"
# The parts of hmac and hashlib that do the work.
HASHING = {"hmac_new", "hmac_digest", "compare_digest", "blake2b", "openssl_sha256"}


def test_it_works(server, person, key_client):
    user = person()
    response = key_client(user).get(ME)
    assert response.status_code == 200
    assert response.json()["email"] == user.email
    assert response.json()["credential"]["kind"] == "api_key"


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: {"X-API-Key": key},
        lambda key: {"Authorization": f"api-key {key}"},
        lambda key: {"Authorization": f"Api-Key   {key}"},
        lambda key: {"Authorization": f"Bearer {key}"},
    ],
)
def test_every_usual_way_to_send_a_key_is_understood(server, person, headers):
    _, key = api_key_create(user=person(), name="tests")
    assert httpx.get(server.url + ME, headers=headers(key), timeout=PATIENCE).status_code == 200


def test_without_a_credential_the_answer_says_which_kind_is_expected(server):
    response = httpx.get(server.url + ME, timeout=PATIENCE)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Api-Key"
    assert error_of(response)["code"] == "not_authenticated"


def spoiled(key: str) -> dict[str, str]:
    """Everything that is not the key."""
    last = "A" if key[-1] != "A" else "B"
    return {
        "unknown": key_generate().plaintext,
        "last character": key[:-1] + last,
        "longer": key + "A",
        "shorter": key[:-1],
        "other prefix": "sk_" + key[4:],
        "id only": key[:16],
        "nothing": "",
        "ten kilobytes": "val_" + "A" * 10_000,
        "ten kilobytes of key": key * 170,
    }


@pytest.mark.parametrize("kind", sorted(spoiled("val_x")))
def test_a_spoiled_key_is_one_clear_error(server, person, kind):
    _, key = api_key_create(user=person(), name="tests")
    value = f"Api-Key {spoiled(key)[kind]}".strip().encode("latin-1")
    response = httpx.get(server.url + ME, headers=[(b"Authorization", value)], timeout=PATIENCE)
    assert response.status_code == 401
    assert error_of(response)["code"] == "invalid_api_key"
    assert key not in response.text


def test_unknown_wrong_expired_revoked_and_orphaned_keys_get_the_same_answer(
    server, person, connect
):
    user, gone = person(), person()
    _, wrong = api_key_create(user=user, name="wrong")
    expired_row, expired = api_key_create(user=user, name="expired")
    ApiKey.objects.filter(pk=expired_row.pk).update(expires_at=timezone.now())
    revoked_row, revoked = api_key_create(user=user, name="revoked")
    api_key_revoke(key=revoked_row)
    _, orphaned = api_key_create(user=gone, name="orphaned")
    gone.is_active = False
    gone.save()
    keys = [key_generate().plaintext, wrong[:-9] + "x" * 9, expired, revoked, orphaned]
    answers = [
        httpx.get(server.url + ME, headers={"X-API-Key": key}, timeout=PATIENCE) for key in keys
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert connect(server, wrong).get(ME).status_code == 200


@contextmanager
def work_recorded() -> Iterator[list[str]]:
    """Every query and every call of a hashing function of this thread, in order."""
    work: list[str] = []

    def called(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__ in HASHING:
            work.append(function.__name__)

    def queried(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        work.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(queried):
        sys.setprofile(called)
        try:
            yield work
        finally:
            sys.setprofile(None)


def test_every_wrong_key_costs_the_same_work(server, person, settings):
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # the middleware of the test client looks for it
    settings.API_KEY_PEPPERS = "1:first-pepper-for-tests"
    user = person()
    _, retired = api_key_create(user=user, name="retired pepper")
    settings.API_KEY_PEPPERS = "2:second-pepper-for-tests"
    _, key = api_key_create(user=user, name="tests")
    revoked_row, revoked = api_key_create(user=user, name="revoked")
    api_key_revoke(key=revoked_row)
    kinds = {
        "unknown": key_generate().plaintext,
        "last character": spoiled(key)["last character"],
        "first character": f"{key[:17]}{'A' if key[17] != 'A' else 'B'}{key[18:]}",
        "revoked": revoked,
        "retired pepper": retired,
    }
    answers, done = {}, {}
    for kind, value in kinds.items():
        with work_recorded() as work:
            answers[kind] = Client(headers={"X-API-Key": value}).get(ME)
        done[kind] = work
    assert {answer.status_code for answer in answers.values()} == {401}
    assert len({answer.content for answer in answers.values()}) == 1
    assert {"hmac_new", "compare_digest"} <= set(done["unknown"])
    assert len([each for each in done["unknown"] if each.startswith("SELECT")]) == 1
    assert all(work == done["unknown"] for work in done.values()), done


@pytest.mark.parametrize(
    "headers",
    [
        lambda key: {"Authorization": f"Api-Key {key}", "X-API-Key": key},
        lambda key: {"Authorization": "Bearer a.b.c", "X-API-Key": key},
        lambda key: [("Authorization", f"Api-Key {key}"), ("Authorization", f"Api-Key {key}")],
    ],
)
def test_two_credentials_at_once_are_refused(server, person, headers):
    _, key = api_key_create(user=person(), name="tests")
    response = httpx.get(server.url + ME, headers=headers(key), timeout=PATIENCE)
    assert response.status_code in {400, 401}
    assert error_of(response)["code"] in {"multiple_credentials", "invalid_api_key"}


def test_another_scheme_is_not_ours(server):
    response = httpx.get(
        server.url + ME, headers={"Authorization": "Basic dXNlcjpwYXNz"}, timeout=PATIENCE
    )
    assert response.status_code == 401
    assert error_of(response)["code"] == "not_authenticated"


def test_a_missing_scope_is_403_and_named(server, person, key_client):
    client = key_client(person(), scopes=["models:read"])
    response = client.post("/api/v1/emotions/analyze", json={"text": "hello"})
    assert response.status_code == 403
    assert error_of(response)["code"] == "scope_missing"
    assert "emotions:read" in error_of(response)["detail"]
    assert client.get("/api/v1/models/current").status_code == 200


def test_a_key_loses_the_scopes_that_its_user_loses(server, person, key_client):
    user = person("operator")
    client = key_client(user, scopes=["models:write"])
    assert client.get(ME).json()["credential"]["scopes"] == ["models:write"]
    user.groups.clear()
    wait_for(lambda: client.get(ME).json()["credential"]["scopes"] == [])


def test_a_key_works_from_its_networks_only(peer, person, connect):
    user = person()
    row, key = api_key_create(user=user, name="office", allowed_networks=["192.0.2.0/24"])
    client = connect(peer, key)
    inside = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}
    outside = {"X-Forwarded-For": "192.0.2.7, 203.0.113.9"}
    assert client.get(ME, headers=inside).status_code == 200
    response = client.get(ME, headers=outside)
    assert response.status_code == 401
    assert error_of(response)["code"] == "invalid_api_key"
    event = AuditEvent.objects.get(action="key_network_refused", target=str(row))
    assert event.address == "203.0.113.9"


def test_a_header_of_the_client_is_not_believed_without_a_proxy(server, person, connect):
    _, key = api_key_create(user=person(), name="office", allowed_networks=["192.0.2.0/24"])
    headers = {"X-Forwarded-For": "192.0.2.7"}
    assert connect(server, key).get(ME, headers=headers).status_code == 401


def test_last_use_is_written_behind_the_request(server, person, connect):
    row, key = api_key_create(user=person(), name="tests")
    before = timezone.now()
    assert connect(server, key).get(ME).status_code == 200

    def written():
        row.refresh_from_db()
        return row.last_used_at is not None

    wait_for(written)
    assert row.last_used_at is not None
    assert before - timedelta(seconds=1) < row.last_used_at < timezone.now()


def test_the_database_holds_no_plaintext_and_the_checksum_is_right(server, person):
    row, key = api_key_create(user=person(), name="tests")
    parsed, spoiled = key_parse(key), key_parse(key[:-1] + ("A" if key[-1] != "A" else "B"))
    assert parsed is not None
    assert spoiled is not None
    assert checksum_valid(parsed)
    assert not checksum_valid(spoiled)
    assert parsed.secret not in str(ApiKey.objects.filter(pk=row.pk).values().get())
    assert row.digest == key_digest(parsed, row.pepper_number)


def test_a_key_moves_to_the_current_pepper_when_it_is_used(server, person, settings):
    from accounts.activity import recorder
    from accounts.principals import principal_by_key

    row, key = api_key_create(user=person(), name="tests")
    assert row.pepper_number == 0
    settings.API_KEY_PEPPERS = "2:second-pepper-for-tests"
    assert principal_by_key(key) is not None
    recorder.flush()
    row.refresh_from_db()
    assert row.pepper_number == 2
    parsed = key_parse(key)
    assert parsed is not None
    assert row.digest == key_digest(parsed, 2)


def test_a_key_whose_pepper_was_retired_is_not_valid(server, person, settings):
    from accounts.principals import principal_by_key

    settings.API_KEY_PEPPERS = "1:first-pepper-for-tests"
    _, key = api_key_create(user=person(), name="tests")
    settings.API_KEY_PEPPERS = "2:second-pepper-for-tests"
    assert principal_by_key(key) is None
