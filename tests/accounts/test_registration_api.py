"""POST /api/v1/auth/register/ and verify-email/"""

from __future__ import annotations

import re

import httpx
import pytest

from accounts.models import AuditEvent, User
from tests.accounts.conftest import PASSWORD, error_of
from tests.waiting import PATIENCE

AUTH = "/api/v1/auth/"


@pytest.fixture
def post(peer):
    with httpx.Client(base_url=peer.url, timeout=PATIENCE) as client:
        client.headers["X-Forwarded-For"] = "198.51.100.200"
        yield lambda path, **body: client.post(AUTH + path, json=body)


@pytest.fixture
def mails(peer):
    folder = peer.data_dir / "mail"

    def read(address):
        texts = (
            [path.read_text() for path in sorted(folder.glob("*.log"))] if folder.exists() else []
        )
        return [text for text in texts if f"To: {address}" in text]

    return read


def token_in(mail: str) -> str:
    text = mail.replace("=\n", "")
    (token,) = re.findall(r'"token": "([^"]+)"', text)
    return str(token)


def test_it_works(post, mails):
    email = "newcomer@example.org"
    assert post("register/", email=email, password=PASSWORD).status_code == 202
    assert post("token/", email=email, password=PASSWORD).status_code == 401
    (mail,) = mails(email)
    assert post("verify-email/", token=token_in(mail)).status_code == 200
    assert post("token/", email=email, password=PASSWORD).status_code == 200
    user = User.objects.get(email=email)
    assert user.tier_id == "free"
    assert not user.is_staff
    assert AuditEvent.objects.filter(action="email_verified", target=email).exists()


def test_a_mail_is_good_once(post, mails):
    email = "once@example.org"
    post("register/", email=email, password=PASSWORD)
    token = token_in(mails(email)[0])
    assert post("verify-email/", token=token).status_code == 200
    User.objects.filter(email=email).update(is_active=False)
    assert post("verify-email/", token=token).status_code == 400
    assert not User.objects.get(email=email).is_active


def test_the_answer_does_not_tell_who_has_an_account(post, mails, person):
    known = person().email
    first = post("register/", email=known.upper(), password=PASSWORD)
    second = post("register/", email="unknown@example.org", password=PASSWORD)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert "already" in mails(known.upper())[0]


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"email": "no address", "password": PASSWORD}, "email"),
        ({"email": "weak@example.org", "password": "12345678"}, "password"),
        ({"email": "weak@example.org", "password": "short"}, "password"),
    ],
)
def test_bad_input_names_the_field(post, body, attr):
    response = post("register/", **body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == attr


def test_a_forged_mail_is_refused(post):
    response = post("verify-email/", token="forged:token:here")
    assert response.status_code == 400
    assert error_of(response)["attr"] == "token"


def test_registration_is_closed_by_default(server):
    body = {"email": "somebody@example.org", "password": PASSWORD}
    response = httpx.post(f"{server.url}{AUTH}register/", json=body, timeout=PATIENCE)
    assert response.status_code == 403
    assert error_of(response)["code"] == "registration_closed"
