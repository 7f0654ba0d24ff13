"""The standing cast: a real server with the shipped model, and an owner, a member, a stranger."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from accounts.models import User
from accounts.services import api_key_create
from emotions.setup import embedded_version
from mlops.inference.classifier import Classifier
from mlops.selectors import version_folder

START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """``manage.py serve`` on a free port, over the tests' own database."""

    url: str
    process: subprocess.Popen[bytes]
    data_dir: Path
    log: Path


@dataclass(frozen=True)
class Actor:
    """Somebody with a client that speaks to the server."""

    user: User | None
    key: str
    client: httpx.Client

    def analyze(self, **body: Any) -> httpx.Response:
        return self.client.post("/api/v1/emotions/analyze", json=body)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker) -> Iterator[None]:
    """Always make the test database: the server needs it, whatever marks the tests carry."""
    with django_db_blocker.unblock():
        created = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(created, verbosity=0)


@pytest.fixture(scope="session")
def version_folder_int8(django_db_setup, django_db_blocker) -> Path:
    """The int8 export of the shipped model, made by the product's own set-up."""
    with django_db_blocker.unblock():
        return version_folder(embedded_version())


@pytest.fixture(scope="session")
def classifier(version_folder_int8: Path) -> Classifier:
    return Classifier.load(version_folder_int8)


@pytest.fixture(scope="session")
def server(
    django_db_blocker, version_folder_int8: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("server")
    with django_db_blocker.unblock():
        environment = server_environment(data_dir)
        running = server_start(environment, data_dir)
        yield running
        server_stop(running)
        connection.close()


def server_environment(data_dir: Path) -> dict[str, str]:
    """What a server needs to share database, models and secrets with this process."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        host = f"{database['HOST']}:{database['PORT'] or 5432}"
        url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{host}/{database['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DATA_DIR": str(data_dir),
        "MODELS_DIR": str(settings.MODELS_DIR),
        "SECRET_KEY": settings.SECRET_KEY,
    }


def server_start(environment: dict[str, str], data_dir: Path, *arguments: str) -> Server:
    port = free_port()
    log = data_dir / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port), *arguments],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = Server(f"http://127.0.0.1:{port}", process, data_dir, log)
    wait_until_ready(running)
    return running


def wait_until_ready(running: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and running.process.poll() is None:
        try:
            if httpx.get(f"{running.url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not become ready:\n{running.log.read_text()}")


def server_stop(running: Server) -> int:
    running.process.send_signal(signal.SIGINT)
    return running.process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def owner(server: Server) -> Iterator[Actor]:
    """May do everything."""
    yield from actor(server, User.objects.create_superuser("owner@example.org", "owner-password"))


@pytest.fixture(scope="session")
def member(server: Server) -> Iterator[Actor]:
    """May use the API."""
    yield from actor(server, User.objects.create_user("member@example.org", "member-password"))


@pytest.fixture(scope="session")
def stranger(server: Server) -> Iterator[Actor]:
    """Nobody that the server knows."""
    with httpx.Client(base_url=server.url) as client:
        yield Actor(None, "", client)


def actor(server: Server, user: User) -> Iterator[Actor]:
    _, key = api_key_create(user=user, name="tests")
    headers = {"Authorization": f"Api-Key {key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
        yield Actor(user, key, client)
