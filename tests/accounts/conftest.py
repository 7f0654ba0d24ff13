"""A second server process over the same database, and people with every role."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts.constants import Role
from accounts.models import Tier, User
from accounts.services import api_key_create, user_create
from tests.conftest import Server, server_environment, server_start, server_stop
from tests.waiting import PATIENCE

PASSWORD = "correct horse battery staple"
# Hashed once: a hash for each user would cost more than all the requests.
_HASH: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks for leaks looks last, over everything that the other tests left behind."""
    items.sort(key=lambda item: item.path.name == "test_secrets.py")


@pytest.fixture(scope="session")
def peer(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Another process with its own caches, behind one proxy, where anybody may register."""
    data_dir = tmp_path_factory.mktemp("peer")
    environment = server_environment(data_dir) | {
        "JWT_SIGNING_KEYS": f"0:{(server.data_dir / 'jwt-signing-key').read_text().strip()}",
        "TRUSTED_PROXIES": "1",
        "LOGIN_FAILURE_LIMIT": "3",
        # Longer than the tests of a slow machine that share a token.
        "JWT_ACCESS_MINUTES": "120",
        "REGISTRATION": "1",
        "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "EMAIL_FILE_PATH": str(data_dir / "mail"),
    }
    running = server_start(environment, data_dir, "--no-worker")
    yield running
    server_stop(running)


@pytest.fixture
def person(server: Server, request: pytest.FixtureRequest) -> Callable[..., User]:
    """Makes users with PASSWORD, named after the test."""
    made: list[User] = []

    def make(role: Role | None = None, tier: str | None = None, **fields: Any) -> User:
        email = f"{request.node.name[5:25]}-{time.monotonic_ns()}@example.org".replace("[", "-")
        user = user_create(email=email.lower(), role=role, tier=tier, **fields)
        if not _HASH:
            _HASH.append(make_password(PASSWORD))
        User.objects.filter(pk=user.pk).update(password=_HASH[0])
        user.refresh_from_db()
        made.append(user)
        return user

    return make


@pytest.fixture
def connect() -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients of a server that send an API key, a token or nothing."""
    clients: list[httpx.Client] = []

    def make(at: Server, key: str = "", token: str = "", **headers: str) -> httpx.Client:
        if key or token:
            headers["Authorization"] = f"Api-Key {key}" if key else f"Bearer {token}"
        clients.append(httpx.Client(base_url=at.url, headers=headers, timeout=PATIENCE))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def key_client(server: Server, connect: Callable[..., httpx.Client]) -> Callable[..., httpx.Client]:
    """Makes clients that send a new API key of a user, to this server or another."""

    def make(user: User, *, at: Server = server, **options: Any) -> httpx.Client:
        _, key = api_key_create(user=user, name="tests", **options)
        return connect(at, key)

    return make


_addresses = (f"198.18.{number // 250}.{number % 250 + 1}" for number in itertools.count())


def elsewhere() -> dict[str, str]:
    """A header that has a request come from an address of its own, through the peer's proxy."""
    return {"X-Forwarded-For": next(_addresses)}


def login(peer: Server, user: User) -> dict[str, Any]:
    """The token pair of *user*, good at both servers."""
    response = httpx.post(
        f"{peer.url}/api/v1/auth/token/",
        json={"email": user.email, "password": PASSWORD},
        headers=elsewhere(),
        timeout=PATIENCE,
    )
    assert response.status_code == 200, response.text
    return dict(response.json())


@pytest.fixture
def bearer(
    server: Server, peer: Server, connect: Callable[..., httpx.Client]
) -> Callable[[User], httpx.Client]:
    """Makes clients that are logged in as a user, by token."""

    def make(user: User) -> httpx.Client:
        return connect(server, token=login(peer, user)["access"])

    return make


@pytest.fixture
def admin_of(
    server: Server, connect: Callable[..., httpx.Client]
) -> Callable[[User], httpx.Client]:
    """Makes browsers that are logged in to the admin."""

    def make(user: User) -> httpx.Client:
        session = Client()
        session.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        client = connect(server)
        client.cookies.update({name: each.value for name, each in session.cookies.items()})
        client.get("/")  # sets the CSRF cookie
        client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
        return client

    return make


@pytest.fixture
def tier(server: Server, request: pytest.FixtureRequest) -> Callable[..., Tier]:
    """Makes tiers with the limits of ``standard`` but for those given."""

    def make(**limits: int | None) -> Tier:
        fields = Tier.objects.filter(pk="standard").values().get() | limits
        fields["name"] = f"tier-{time.monotonic_ns()}"
        return Tier.objects.create(**fields)

    return make


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The one error of an answer in the one error shape."""
    body = response.json()
    assert set(body) == {"type", "errors"}
    assert len(body["errors"]) == 1
    return dict(body["errors"][0])
