"""Users, tiers, keys and the audit trail in the admin"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection

from accounts.keys import PATTERN
from accounts.models import ApiKey, AppendOnlyError, AuditEvent, Tier, Usage, User
from accounts.services import api_key_create
from tests.accounts.conftest import PASSWORD
from tests.waiting import clear_of_midnight

KEYS = "/admin/accounts/apikey/"


@pytest.fixture
def boss(person, admin_of):
    return admin_of(person(is_superuser=True))


@pytest.fixture
def owner_browser(person, admin_of):
    return admin_of(person("owner"))


def shown_keys(response) -> list[str]:
    return [match.group() for match in PATTERN.finditer(html.unescape(response.text))]


def test_it_works(server, boss, person, connect):
    user = person()
    form = {"user": user.pk, "name": "made by hand", "scopes": ["emotions:read", "jobs"]}
    made = boss.post(f"{KEYS}add/", data=form)
    assert made.status_code == 200
    (key,) = shown_keys(made)
    assert "no-store" in made.headers["Cache-Control"]
    assert connect(server, key).get("/api/v1/me/").json()["credential"]["scopes"] == [
        *("emotions:read", "jobs")
    ]
    row = ApiKey.objects.get(user=user)
    assert row.created_by is not None
    for page in (KEYS, f"{KEYS}{row.pk}/change/", f"{KEYS}{row.pk}/history/"):
        again = boss.get(page)
        assert again.status_code == 200
        assert shown_keys(again) == []


def test_keys_are_rotated_and_revoked_by_actions(boss, person):
    row, _ = api_key_create(user=person(), name="old")
    action = {"action": "rotate", "_selected_action": row.pk}
    assert len(shown_keys(boss.post(KEYS, data=action))) == 1
    again = boss.post(KEYS, data=action, follow_redirects=True)
    assert "rotated already" in again.text
    boss.post(KEYS, data={"action": "revoke", "_selected_action": row.pk})
    row.refresh_from_db()
    assert row.revoked_at is not None


def test_a_keys_reach_can_be_narrowed_but_not_its_user_changed(boss, person):
    user, other = person(), person()
    row, _ = api_key_create(user=user, name="wide")
    form = {
        "name": "narrow",
        "user": other.pk,
        "scopes": ["jobs"],
        "allowed_networks": "192.0.2.0/24\n2001:db8::/32",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    assert boss.post(f"{KEYS}{row.pk}/change/", data=form).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.user, row.scopes) == ("narrow", user, ["jobs"])
    assert row.allowed_networks == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scopes": ["models:write"]}, "role does not have models:write"),
        ({"allowed_networks": "here"}, "Not a network"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "This time has passed"),
    ],
)
def test_what_a_key_cannot_have_is_said_in_the_form(boss, person, change, message):
    form = {"user": person().pk, "name": "a", "scopes": ["jobs"]} | change
    response = boss.post(f"{KEYS}add/", data=form)
    assert response.status_code == 200
    assert message in html.unescape(response.text)


def test_usage_is_drawn_beside_each_key(boss, person):
    clear_of_midnight()
    row, _ = api_key_create(user=person(), name="busy")
    today = datetime.now(UTC).date()
    Usage.objects.create(user=row.user, key=row.lookup_id, day=today, requests=1, documents=77)
    page = boss.get(KEYS, params={"q": row.lookup_id}).text
    assert re.search(r'title="77 documents">▁+[▂▃▄▅▆▇█]', page)


def test_a_change_is_in_the_audit_trail_without_its_values(boss, tier):
    limits = tier()
    form = {
        "documents_per_minute": 7,
        "documents_per_day": "",
        "texts_per_batch": 1,
        "characters_per_text": 1,
        "bulk_job_rows": 1,
        "concurrent_jobs": 1,
    }
    response = boss.post(f"/admin/accounts/tier/{limits.pk}/change/", data=form)
    assert response.status_code == 302
    assert Tier.objects.get(pk=limits.pk).documents_per_minute == 7
    event = AuditEvent.objects.get(action="tier_changed", target=limits.pk)
    assert "documents_per_minute" in event.detail["fields"]
    assert event.address == "127.0.0.1"


def test_a_password_set_by_an_administrator_is_an_event(boss, person):
    user = person()
    form = {
        "password1": f"new {PASSWORD}",
        "password2": f"new {PASSWORD}",
        "usable_password": "true",
    }
    response = boss.post(f"/admin/accounts/user/{user.pk}/password/", data=form)
    assert response.status_code == 302
    assert AuditEvent.objects.filter(action="password_set", target=str(user.pk)).exists()


def test_an_owner_cannot_become_or_touch_a_superuser(owner_browser, person):
    target, superuser = person(), person(is_superuser=True)
    page = owner_browser.get(f"/admin/accounts/user/{target.pk}/change/").text
    assert 'name="is_superuser"' not in page
    form = {"email": "taken@example.org", "is_superuser": "on"}
    url = f"/admin/accounts/user/{superuser.pk}/"
    assert owner_browser.post(f"{url}change/", data=form).status_code == 403
    assert owner_browser.post(f"{url}password/", data=form).status_code == 403
    assert owner_browser.post(f"{url}delete/", data={"post": "yes"}).status_code == 403
    assert User.objects.get(pk=superuser.pk).email == superuser.email


def test_an_owner_gets_no_key_of_a_superuser_into_their_hands(owner_browser, person):
    superuser = person(is_superuser=True)
    form = {"user": superuser.pk, "name": "mine", "scopes": ["jobs"]}
    response = owner_browser.post(f"{KEYS}add/", data=form)
    assert "Only superusers" in response.text
    row, _ = api_key_create(user=superuser, name="theirs")
    action = {"action": "rotate", "_selected_action": row.pk}
    refused = owner_browser.post(KEYS, data=action, follow_redirects=True)
    assert "Only superusers" in refused.text
    assert shown_keys(response) + shown_keys(refused) == []
    owner_browser.post(KEYS, data=action | {"action": "revoke"})
    row.refresh_from_db()
    assert row.revoked_at is not None


def test_the_audit_trail_cannot_be_written(boss, person):
    event = AuditEvent.objects.latest("id")
    url = f"/admin/accounts/auditevent/{event.pk}/"
    assert boss.get(f"{url}change/").status_code == 200
    assert boss.post(f"{url}change/", data={"action": "nothing"}).status_code == 403
    assert boss.post(f"{url}delete/", data={"post": "yes"}).status_code == 403
    assert boss.get("/admin/accounts/auditevent/add/").status_code == 403


def test_code_cannot_change_the_audit_trail_either(boss):
    event = AuditEvent.objects.latest("id")
    attempts: list[Callable[[], object]] = [
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(action="nothing"),
    ]
    for attempt in attempts:
        with pytest.raises(AppendOnlyError):
            attempt()
    if connection.vendor == "postgresql":
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute("DELETE FROM accounts_auditevent")
    assert AuditEvent.objects.filter(pk=event.pk).exists()


def test_log_in_and_failure_are_in_the_audit_trail(server, person, connect):
    user = person("viewer")
    client = connect(server)
    client.get("/admin/login/")
    for password in ("wrong " + PASSWORD, PASSWORD):
        form = {
            "username": user.email,
            "password": password,
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
        }
        answer = client.post("/admin/login/", data=form)
    assert answer.headers["location"] == "/admin/"
    actions = AuditEvent.objects.filter(target=user.email).order_by("id")
    assert [event.action for event in actions][-2:] == ["login_failed", "login"]
