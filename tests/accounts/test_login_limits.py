"""Log-in is limited per address and per account"""

from __future__ import annotations

import httpx
import pytest

from accounts.models import AuditEvent
from tests.accounts.conftest import PASSWORD, error_of
from tests.waiting import PATIENCE

TOKEN = "/api/v1/auth/token/"


@pytest.fixture
def attempt(peer):
    """Log-in through the proxy, from any address; this server allows three failures."""
    with httpx.Client(base_url=peer.url, timeout=PATIENCE) as client:

        def post(email, password, address):
            body = {"email": email, "password": password}
            return client.post(TOKEN, json=body, headers={"X-Forwarded-For": address})

        yield post


def test_it_works(attempt, person):
    email = person().email
    for number in range(3):
        assert attempt(email, "wrong", f"198.51.100.{number}").status_code in {401, 429}
    locked = attempt(email.upper(), PASSWORD, "198.51.100.77")
    assert locked.status_code == 429
    assert error_of(locked)["code"] == "locked_out"
    assert locked.headers["Retry-After"] == "900"
    assert AuditEvent.objects.filter(action="login_locked", target=email).exists()


def test_an_address_that_guesses_is_locked_for_every_account(attempt, person):
    for number in range(3):
        attempt(f"nobody{number}@example.org", "wrong", "198.51.100.88")
    assert attempt(person().email, PASSWORD, "198.51.100.88").status_code == 429
    assert attempt(person().email, PASSWORD, "198.51.100.89").status_code == 200


def test_what_a_client_writes_into_the_header_itself_does_not_help(attempt, person):
    for number in range(3):
        attempt("nobody@example.com", "wrong", f"203.0.113.{number}, 198.51.100.90")
    assert attempt(person().email, PASSWORD, "203.0.113.9, 198.51.100.90").status_code == 429


def test_the_admin_is_locked_as_well(peer, person):
    email = person("owner").email
    headers = {"X-Forwarded-For": "198.51.100.91"}
    with httpx.Client(base_url=peer.url, headers=headers, timeout=PATIENCE) as client:
        client.get("/admin/login/")
        for _ in range(4):
            form = {
                "username": email,
                "password": f"wrong {PASSWORD}",  # test_secrets looks for it
                "csrfmiddlewaretoken": client.cookies["csrftoken"],
            }
            response = client.post("/admin/login/", data=form)
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "900"


def test_a_log_in_is_limited_by_requests_from_one_address(peer, person):
    headers = {"X-Forwarded-For": "198.51.100.92"}
    with httpx.Client(base_url=peer.url, headers=headers, timeout=PATIENCE) as client:
        answers = [client.post(TOKEN, json={}) for _ in range(61)]
        while answers[-1].status_code != 429:  # the minute ended meanwhile
            assert len(answers) < 1_000
            answers.append(client.post(TOKEN, json={}))
    assert answers[0].status_code == 400
    assert answers[0].headers["RateLimit-Limit"] == "60"
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert error_of(limited)["code"] == "rate_limited"
    assert 1 <= int(limited.headers["Retry-After"]) <= 60
