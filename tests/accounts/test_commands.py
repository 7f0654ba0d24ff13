"""manage.py create_user, create_api_key, list_api_keys, revoke_api_key"""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import ApiKey, User

ME = "/api/v1/me/"


def run(*arguments: str) -> tuple[str, str]:
    """What a command wrote to stdout and stderr."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue().strip(), err.getvalue().strip()


def test_it_works(server, connect):
    password, _ = run("create_user", "ada@commands.example.org", "--role", "operator")
    user = User.objects.get(email="ada@commands.example.org")
    assert user.check_password(password)
    assert user.is_staff
    key, said = run("create_api_key", user.email, "--scope", "jobs", "--days", "30")
    assert key not in said
    client = connect(server, key)
    assert client.get(ME).json()["credential"]["scopes"] == ["jobs"]
    (listed,) = map(
        json.loads, run("list_api_keys", "--user", user.email, "--json")[0].splitlines()
    )
    assert listed["id"] in run("list_api_keys")[0]
    assert listed["pepper_number"] == 0
    run("revoke_api_key", key)
    assert ApiKey.objects.get(lookup_id=listed["id"]).revoked_at is not None


def test_a_key_can_be_made_for_a_script(server, person):
    made = json.loads(run("create_api_key", person().email, "--json")[0])
    assert made["key"].startswith(f"val_{made['id']}_")


def test_a_user_without_password_has_keys_only(server):
    out, _ = run("create_user", "robot@commands.example.org", "--no-password", "--tier", "pro")
    user = User.objects.get(email="robot@commands.example.org")
    assert out == ""
    assert user.tier_id == "pro"
    assert not user.has_usable_password()


def test_a_password_may_come_from_stdin(server, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO("from stdin, with spaces\n"))
    out, _ = run("create_user", "piped@commands.example.org", "--password-stdin")
    assert out == ""
    user = User.objects.get(email="piped@commands.example.org")
    assert user.check_password("from stdin, with spaces")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create_user", "no address"), "valid email"),
        (("create_user", "x@example.org", "--tier", "gold"), "choose of"),
        (("create_user", "x@example.org", "--password-stdin"), "too short"),
        (("create_api_key", "nobody@example.com"), "no user"),
        (("revoke_api_key", "nothing", "val_else"), "nothing, else; nothing was revoked"),
    ],
)
def test_mistakes_are_named(server, monkeypatch, arguments, message):
    monkeypatch.setattr("sys.stdin", StringIO("short\n"))
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_a_taken_address_is_refused_whatever_its_case(server, person):
    with pytest.raises(CommandError, match="already"):
        run("create_user", person().email.upper())


def test_a_key_with_more_than_the_role_is_refused(server, person):
    with pytest.raises(CommandError, match="models:write"):
        run("create_api_key", person().email, "--scope", "models:write")


def test_one_unknown_id_revokes_nothing(server, person):
    made = json.loads(run("create_api_key", person().email, "--json")[0])
    with pytest.raises(CommandError):
        run("revoke_api_key", made["id"], "nothing")
    assert ApiKey.objects.get(lookup_id=made["id"]).revoked_at is None
