"""Who may do what: every endpoint by every kind of caller

The endpoints come from the URL configuration: a new one without a row here fails, and so does a
row without an endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.constants import Role
from accounts.models import ApiKey, User
from accounts.services import api_key_create, api_key_revoke, user_create
from tests.accounts.conftest import PASSWORD, elsewhere, login
from tests.waiting import PATIENCE

# By token but for the keys; the stranger is a user, but of nothing that the member has.
ACTORS = (
    "anonymous",
    "viewer",
    "member",
    "stranger",
    "operator",
    "owner",
    "key without scope",
    "expired key",
    "revoked key",
)
API = "/api/v1/"
NO_ID = "019a0000-0000-7000-8000-000000000000"


def statuses(*codes: int) -> dict[str, int]:
    return dict(zip(ACTORS, codes, strict=True))


PUBLIC = statuses(200, 200, 200, 200, 200, 200, 200, 200, 200)
# No credential is looked at: the empty body is what is wrong.
LOGIN = statuses(400, 400, 400, 400, 400, 400, 400, 400, 400)
ANYBODY_VALID = statuses(401, 200, 200, 200, 200, 200, 200, 401, 401)
SCOPED = statuses(401, 200, 200, 200, 200, 200, 403, 401, 401)
PEOPLE = statuses(401, 200, 200, 200, 200, 200, 403, 401, 401)
# An empty body again: 400 is as far as the allowed ones get.
PEOPLE_POST = statuses(401, 400, 400, 400, 400, 400, 403, 401, 401)
# A viewer reads models, not the log; nobody has the row that the id names.
LOGS = statuses(401, 403, 200, 200, 200, 200, 403, 401, 401)
LOGS_POST = statuses(401, 403, 400, 400, 400, 400, 403, 401, 401)
LOGS_NOTHING = statuses(401, 403, 404, 404, 404, 404, 403, 401, 401)
# The member's key; the owner manages everybody's.
MEMBERS_KEY = statuses(401, 404, 400, 404, 404, 400, 403, 401, 401)
MEMBERS_KEY_REVOKE = statuses(401, 404, 200, 404, 404, 200, 403, 401, 401)
# Rollouts: everybody who reads models reads them, operators and owners change them.
OPERATORS_POST = statuses(401, 403, 403, 403, 400, 400, 403, 401, 401)
SCOPED_QUERY = statuses(401, 400, 400, 400, 400, 400, 403, 401, 401)
NO_ROLLOUT = statuses(401, 404, 404, 404, 404, 404, 403, 401, 401)
NO_ROLLOUT_POST = statuses(401, 403, 403, 403, 404, 404, 403, 401, 401)

TABLE: dict[tuple[str, str], dict[str, int]] = {
    ("GET", "/"): PUBLIC,
    ("GET", "/health/live"): PUBLIC,
    ("GET", "/health/ready"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/favicon.ico"): statuses(*[302] * len(ACTORS)),
    ("GET", "/api/docs/"): statuses(200, 200, 200, 200, 200, 200, 200, 401, 401),
    ("GET", f"{API}schema/"): statuses(200, 200, 200, 200, 200, 200, 200, 401, 401),
    ("POST", f"{API}emotions/analyze"): SCOPED,
    ("GET", f"{API}emotions/labels"): SCOPED,
    ("GET", f"{API}models/current"): SCOPED,
    ("POST", f"{API}auth/token/"): LOGIN,
    ("POST", f"{API}auth/token/refresh/"): LOGIN,
    ("POST", f"{API}auth/token/verify/"): LOGIN,
    ("POST", f"{API}auth/logout/"): LOGIN,
    ("POST", f"{API}auth/register/"): LOGIN,
    ("POST", f"{API}auth/verify-email/"): LOGIN,
    ("GET", f"{API}me/"): ANYBODY_VALID,
    ("GET", f"{API}me/usage/"): ANYBODY_VALID,
    ("GET", f"{API}predictions/"): LOGS,
    ("GET", f"{API}predictions/exports/"): LOGS,
    ("POST", f"{API}predictions/exports/"): LOGS_POST,
    ("GET", f"{API}predictions/exports/<uuid:export_id>/"): LOGS_NOTHING,
    ("GET", f"{API}predictions/exports/<uuid:export_id>/file/"): LOGS_NOTHING,
    ("GET", f"{API}predictions/<uuid:prediction_id>/"): LOGS_NOTHING,
    ("GET", f"{API}keys/"): PEOPLE,
    ("POST", f"{API}keys/"): PEOPLE_POST,
    ("POST", f"{API}keys/<str:lookup_id>/rotate/"): MEMBERS_KEY,
    ("POST", f"{API}keys/<str:lookup_id>/revoke/"): MEMBERS_KEY_REVOKE,
    ("GET", f"{API}rollouts/"): SCOPED,
    ("POST", f"{API}rollouts/"): OPERATORS_POST,
    ("GET", f"{API}rollouts/plan/"): SCOPED_QUERY,
    ("GET", f"{API}rollouts/<slug:name>/"): NO_ROLLOUT,
    ("GET", f"{API}rollouts/<slug:name>/report/"): NO_ROLLOUT,
    ("POST", f"{API}rollouts/<slug:name>/start/"): NO_ROLLOUT_POST,
    ("POST", f"{API}rollouts/<slug:name>/ramp/"): NO_ROLLOUT_POST,
    ("POST", f"{API}rollouts/<slug:name>/pause/"): NO_ROLLOUT_POST,
    ("POST", f"{API}rollouts/<slug:name>/resume/"): NO_ROLLOUT_POST,
    ("POST", f"{API}rollouts/<slug:name>/conclude/"): NO_ROLLOUT_POST,
    ("GET", f"{API}models/"): SCOPED,
    ("POST", f"{API}models/"): OPERATORS_POST,
    ("GET", f"{API}models/compare/"): SCOPED_QUERY,
    ("GET", f"{API}models/jobs/<int:job_id>/"): NO_ROLLOUT,
    ("GET", f"{API}models/<slug:name>/<int:number>/"): NO_ROLLOUT,
    ("DELETE", f"{API}models/<slug:name>/<int:number>/"): NO_ROLLOUT_POST,
    **{
        ("POST", f"{API}models/<slug:name>/<int:number>/{action}/"): NO_ROLLOUT_POST
        for action in (
            *("promote", "rollback", "validate", "archive", "restore"),
            *("alias", "export", "evaluate"),
        )
    },
    ("POST", f"{API}keys/<str:lookup_id>/pin/"): OPERATORS_POST,
    ("POST", f"{API}feedback/"): statuses(401, 403, 400, 400, 400, 400, 403, 401, 401),
}
# Rotating needs a body that cannot work, so that one actor's success does not spoil the next's.
BODIES: dict[str, Any] = {
    f"{API}emotions/analyze": {"text": "hello"},
    f"{API}keys/<str:lookup_id>/rotate/": {"grace_seconds": -1},
    f"{API}predictions/exports/": {"format": "xls"},
}


def endpoints(patterns: list[Any] | None = None, prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Method and route of each view of ours; Django tests the admin's own."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from endpoints(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None)
            methods = [
                name for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)
            ]
            yield from ((method.upper(), route) for method in methods or ["get"])


@pytest.fixture(scope="module")
def cast(peer) -> Iterator[dict[str, httpx.Client]]:
    """A client for each actor."""
    hashed = make_password(PASSWORD)
    headers: dict[str, dict[str, str]] = {"anonymous": {}}
    users: dict[str, User] = {}
    for name in ("viewer", "member", "stranger", "operator", "owner"):
        role = Role(name) if name in Role.values else None
        users[name] = user_create(email=f"{name}@permissions.example.org", role=role)
        User.objects.filter(pk=users[name].pk).update(password=hashed)
        headers[name] = {"Authorization": f"Bearer {login(peer, users[name])['access']}"}
    for name in ("key without scope", "expired key", "revoked key"):
        row, key = api_key_create(user=users["operator"], name=name, scopes=["jobs"])
        headers[name] = {"X-API-Key": key}
        if name == "expired key":
            past = timezone.now() - timedelta(days=1)
            ApiKey.objects.filter(pk=row.pk).update(expires_at=past)
        if name == "revoked key":
            api_key_revoke(key=row)
    clients = {
        name: httpx.Client(base_url=peer.url, headers=each | elsewhere(), timeout=PATIENCE)
        for name, each in headers.items()
    }
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def members_key(cast) -> str:
    """The id of a key of the member's."""
    user = User.objects.get(email="member@permissions.example.org")
    return api_key_create(user=user, name="mine")[0].lookup_id


def test_every_endpoint_has_a_row_and_every_row_an_endpoint():
    assert set(endpoints()) == set(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=" ".join)
def test_everybody_gets_as_far_as_the_table_says(cast, members_key, row):
    method, route = row
    path = re.sub("<str:lookup_id>", members_key, route)
    path = re.sub("<uuid:[a-z_]+>", NO_ID, path).replace("<slug:name>", "none")
    path = re.sub("<int:[a-z_]+>", "99999", path)
    got = {}
    for actor in ACTORS:
        json = BODIES.get(route, {}) if method != "GET" else None
        got[actor] = cast[actor].request(method, path, json=json).status_code
    assert got == TABLE[row]


def test_the_admin_is_for_staff_only(cast):
    for actor in ACTORS:
        response = cast[actor].get("/admin/")
        assert response.status_code == 302
        assert "/admin/login/" in response.headers["Location"]


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        (None, [], ["/admin/"]),
        (
            "viewer",
            ["mlops/modelversion/"],
            ["accounts/user/", "accounts/apikey/", "accounts/auditevent/"],
        ),
        ("operator", ["mlops/modelversion/"], ["accounts/user/", "accounts/tier/add/"]),
        (
            "owner",
            [
                "accounts/user/add/",
                "accounts/tier/add/",
                "accounts/apikey/",
                "accounts/auditevent/",
            ],
            ["accounts/auditevent/add/", "accounts/usage/add/", "auth/group/add/"],
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_roles_reach_their_part_of_the_admin(person, admin_of, role, allowed, refused):
    client = admin_of(person(role))
    for page in allowed:
        assert client.get(f"/admin/{page}").status_code == 200, page
    for page in refused:
        assert client.get(f"/admin/{page.removeprefix('/admin/')}").status_code in {302, 403}, page


def test_somebody_who_views_keys_sees_those_of_others(cast, members_key):
    everyone = {"everyone": "true"}
    ids = [key["id"] for key in cast["owner"].get(f"{API}keys/", params=everyone).json()["keys"]]
    assert members_key in ids
    assert cast["member"].get(f"{API}keys/", params=everyone).status_code == 403
