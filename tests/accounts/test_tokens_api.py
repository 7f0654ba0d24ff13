"""/api/v1/auth/: tokens for people"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest

from accounts.models import AuditEvent, User
from tests.accounts.conftest import PASSWORD, elsewhere, error_of, login
from tests.waiting import PATIENCE, wait_for

ME = "/api/v1/me/"
AUTH = "/api/v1/auth/"


def post(peer, path, **body):
    return httpx.post(f"{peer.url}{AUTH}{path}", json=body, headers=elsewhere(), timeout=PATIENCE)


@pytest.fixture
def signing_key(server) -> str:
    """Of both servers."""
    return str((server.data_dir / "jwt-signing-key").read_text().strip())


@pytest.fixture
def forged(peer, person, signing_key):
    """Makes tokens as ours, but for what is given."""
    access = login(peer, person())["access"]
    claims = jwt.decode(access, options={"verify_signature": False})

    def make(kid="0", key=signing_key, **changed):
        now = datetime.now(UTC)
        payload = claims | {"iat": now, "exp": now + timedelta(minutes=5)} | changed
        return jwt.encode(payload, key, "HS256", headers={"kid": kid})

    return make


def test_it_works(server, peer, person, connect):
    user = person("operator")
    pair = login(peer, user)
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 7_200
    me = connect(server, token=pair["access"]).get(ME).json()
    assert me["email"] == user.email
    assert me["credential"]["kind"] == "user"
    assert me["credential"]["scopes"] == pair["scopes"]
    assert "models:write" in pair["scopes"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (lambda user: user.email, "wrong"),
        (lambda _: "nobody@example.org", PASSWORD),
        (
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False) and user.email,
            PASSWORD,
        ),
    ],
    ids=["wrong password", "unknown address", "disabled"],
)
def test_wrong_credentials_are_one_error(peer, person, email, password):
    response = post(peer, "token/", email=email(person()), password=password)
    assert response.status_code == 401
    assert error_of(response)["code"] == "invalid_credentials"


def test_the_address_may_be_typed_in_capitals(peer, person):
    email = person().email.upper()
    assert post(peer, "token/", email=email, password=PASSWORD).status_code == 200


def test_a_refresh_token_is_good_for_one_exchange(server, peer, person, connect):
    user = person()
    old = login(peer, user)
    new = post(peer, "token/refresh/", refresh=old["refresh"]).json()
    assert connect(server, token=new["access"]).get(ME).status_code == 200
    again = post(peer, "token/refresh/", refresh=old["refresh"])
    assert again.status_code == 401
    assert error_of(again)["code"] == "token_not_valid"


def test_a_copied_refresh_token_ends_every_session_of_its_user(peer, person):
    user = person()
    old, other = login(peer, user), login(peer, user)
    new = post(peer, "token/refresh/", refresh=old["refresh"]).json()
    post(peer, "token/refresh/", refresh=old["refresh"])
    for pair in (new, other):
        assert post(peer, "token/refresh/", refresh=pair["refresh"]).status_code == 401
    assert AuditEvent.objects.filter(action="token_reused", actor_id=user.pk).exists()


def test_a_new_token_has_the_scopes_of_the_role_now(peer, person):
    user = person("operator")
    pair = login(peer, user)
    user.groups.clear()
    pair = post(peer, "token/refresh/", refresh=pair["refresh"]).json()
    assert "models:write" not in pair["scopes"]


def test_logout_spends_the_refresh_token(peer, person):
    refresh = login(peer, person())["refresh"]
    assert post(peer, "logout/", refresh=refresh).status_code == 204
    assert post(peer, "logout/", refresh=refresh).status_code == 204
    assert post(peer, "token/refresh/", refresh=refresh).status_code == 401


def test_verify_tells_what_a_token_says(peer, person):
    user = person()
    pair = login(peer, user)
    body = post(peer, "token/verify/", token=pair["access"]).json()
    assert body["token_type"] == "access"
    assert body["user"] == str(user.pk)
    assert body["scopes"] == pair["scopes"]
    post(peer, "logout/", refresh=pair["refresh"])
    assert post(peer, "token/verify/", token=pair["refresh"]).status_code == 401


@pytest.mark.parametrize("path", ["token/", "token/refresh/", "token/verify/", "logout/"])
@pytest.mark.parametrize("body", [{}, {"token": []}, {"email": "a", "surprise": True}])
def test_bad_bodies_are_400(peer, path, body):
    assert post(peer, path, **body).status_code == 400


def test_expired_and_forged_tokens_are_refused(server, peer, person, connect, forged):
    now = datetime.now(UTC)
    good = forged()
    assert connect(server, token=good).get(ME).status_code == 200
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "0"}).encode())
    bad = [
        forged(exp=now - timedelta(seconds=11)),
        forged(iat=now + timedelta(minutes=4)),
        forged(key="k" * 40),
        forged(kid="7"),
        forged(kid="x"),
        forged(iss="somebody"),
        forged(sub="3f5c7a52-0000-4000-8000-000000000000"),
        forged(sub="nobody"),
        forged(stamp=""),
        login(peer, person())["refresh"],
        f"{header.decode().strip('=')}.{good.split('.')[1]}.",
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        "a.b.c",
        "x" * 10_000,
    ]
    answers = [connect(server, token=token).get(ME) for token in bad]
    # The last character carries two bits that are ignored: another one may mean the same.
    assert [answer.status_code for answer in answers[:11]] == [401] * 11
    assert {answer.status_code for answer in answers[12:]} == {401}
    assert len({answer.content for answer in answers[:11]}) == 1
    assert answers[0].headers["WWW-Authenticate"] == "Api-Key"


def test_clocks_may_differ_by_a_few_seconds(server, connect, forged):
    def accepted(**claims) -> bool:
        return connect(server, token=forged(**claims)).get(ME).status_code == 200

    few = timedelta(seconds=5)
    assert accepted(iat=datetime.now(UTC) + few)
    # Anew each time: on the way to the server it grows older.
    wait_for(lambda: accepted(exp=datetime.now(UTC) - few))


def test_a_disabled_or_deleted_user_is_refused(server, peer, person, connect):
    disabled, deleted = person(), person()
    clients = [connect(server, token=login(peer, user)["access"]) for user in (disabled, deleted)]
    assert {client.get(ME).status_code for client in clients} == {200}
    User.objects.filter(pk=disabled.pk).update(is_active=False)
    deleted.delete()
    wait_for(lambda: {client.get(ME).status_code for client in clients} == {401})


def test_a_new_password_ends_every_token(server, peer, person, connect):
    user = person()
    pair = login(peer, user)
    client = connect(server, token=pair["access"])
    assert client.get(ME).status_code == 200
    user.set_password("another " + PASSWORD)
    user.save()
    wait_for(lambda: client.get(ME).status_code == 401)
    assert post(peer, "token/refresh/", refresh=pair["refresh"]).status_code == 401


def test_after_a_new_password_a_new_token_is_good_at_once(server, peer, person, connect):
    user = person()
    assert connect(server, token=login(peer, user)["access"]).get(ME).status_code == 200
    user.set_password(PASSWORD)
    user.save()
    assert connect(server, token=login(peer, user)["access"]).get(ME).status_code == 200


def test_tokens_of_the_old_signing_key_work_while_it_is_configured(server, settings):
    from accounts.tokens import AccessToken, claims_of

    settings.JWT_SIGNING_KEYS = "1:" + "a" * 32
    old = str(AccessToken())
    settings.JWT_SIGNING_KEYS = "1:" + "a" * 32 + ",2:" + "b" * 32
    new = str(AccessToken())
    assert jwt.get_unverified_header(old)["kid"] == "1"
    assert jwt.get_unverified_header(new)["kid"] == "2"
    assert claims_of(old)["jti"] != claims_of(new)["jti"]
    settings.JWT_SIGNING_KEYS = "2:" + "b" * 32
    assert claims_of(new)
    with pytest.raises(Exception, match="invalid"):
        claims_of(old)


def test_the_signing_key_is_not_the_secret_key(server, signing_key):
    from django.conf import settings

    assert signing_key != settings.SECRET_KEY
    assert (server.data_dir / "jwt-signing-key").stat().st_mode & 0o77 == 0
