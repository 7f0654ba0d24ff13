"""The standing cast: a real server with the shipped model, and an owner, a member, a stranger."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
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
from emotions.setup import PRETRAINED, embedded_version
from mlops.evaluation.behaviour.suite import behaviour_texts
from mlops.export.options import ExportOptions
from mlops.inference.classifier import Classifier
from mlops.inference.manifest import manifest_read
from mlops.models import ModelVersion
from mlops.selectors import version_folder
from mlops.services.cascades import Sample, cascade_register
from mlops.services.export import artifact_export
from mlops.services.versions import version_register
from tests.waiting import PATIENCE, wait_for


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first set-up comes first: nothing else runs beside it."""
    items.sort(key=lambda item: item.path.name != "test_serve_command.py")


NANO: Path = settings.BASE_DIR / "emotions" / "pretrained-nano"

# A shell that starts the tests in the background has them ignore interrupts, and whatever they
# start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


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
def fresh_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Nothing configured but an empty folder."""
    ours = {"DATABASE_URL", "REDIS_URL", "MODELS_DIR", "DJANGO_SETTINGS_MODULE"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"DATA_DIR": str(tmp_path_factory.mktemp("fresh"))}


@pytest.fixture(scope="session")
def fresh(fresh_environment: dict[str, str]) -> Iterator[Server]:
    """What ``make serve`` starts in a new clone; its export of the model serves all tests."""
    running = server_start(fresh_environment, Path(fresh_environment["DATA_DIR"]))
    yield running
    if running.process.poll() is None:
        server_stop(running)


@pytest.fixture(scope="session")
def version_folder_int8(fresh: Server, django_db_setup, django_db_blocker) -> Path:
    """The int8 export of the shipped model, made by the product's own set-up."""
    manifests = (fresh.data_dir / "models").rglob("manifest.json")
    (exported,) = (
        each.parent for each in manifests if manifest_read(each.parent).precision == "int8"
    )
    with django_db_blocker.unblock():
        version_register(folder=exported, parent=version_register(folder=PRETRAINED))
        return version_folder(embedded_version())


@dataclass(frozen=True)
class Export:
    """An export without a row."""

    folder: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def nano(django_db_setup, django_db_blocker, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The int8 export of the second embedded model."""
    folder = tmp_path_factory.mktemp("nano") / "int8"
    with django_db_blocker.unblock():
        return Export(folder, artifact_export(source=NANO, target=folder, options=ExportOptions()))


@pytest.fixture(scope="session")
def cascade(version_folder_int8: Path, nano: Export, django_db_blocker) -> ModelVersion:
    """Both embedded models as one: the smaller hands on three of ten behavioural cases."""
    with django_db_blocker.unblock():
        return cascade_register(
            small=version_register(folder=nano.folder),
            full=version_register(folder=version_folder_int8),
            share=0.3,
            sample=Sample(behaviour_texts(), "behavioural cases"),
        )


@pytest.fixture(scope="session")
def cascade_folder(cascade: ModelVersion, django_db_blocker) -> Path:
    with django_db_blocker.unblock():
        return version_folder(cascade)


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
        # Late answers are the subject of their own tests, with limits of their own.
        "INFERENCE_DEADLINE": str(PATIENCE),
        # Rows are looked for as soon as they are answered.
        "LOG_COMMIT_SECONDS": "0.05",
    }


def server_launch(environment: dict[str, str], folder: Path, *command: str) -> Server:
    """Python with *command* and a port, which may not become ready; *folder* gets its log."""
    port = next(_ports)
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--port", str(port)],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Server(f"http://127.0.0.1:{port}", process, folder, log)


def server_start(environment: dict[str, str], data_dir: Path, *arguments: str) -> Server:
    running = server_launch(environment, data_dir, "manage.py", "serve", *arguments)
    try:
        wait_until_ready(running)
    except AssertionError:
        running.process.kill()
        running.process.wait()
        if "Address already in use" in running.log.read_text(errors="replace"):  # taken in between
            return server_start(environment, data_dir, *arguments)
        raise
    return running


def wait_until_ready(running: Server) -> None:
    def told() -> str:
        return f"the server did not become ready:\n{running.log.read_text(errors='replace')}"

    def ready() -> bool:
        assert running.process.poll() is None, told()
        # Not patient: who connects while a worker is being replaced has to ask again.
        with suppress(httpx.TransportError):
            return httpx.get(f"{running.url}/health/ready").status_code == 200
        return False

    wait_for(ready, told)


def server_stop(running: Server) -> int:
    running.process.send_signal(signal.SIGINT)
    return running.process.wait(PATIENCE)


def port_is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


# No outgoing connection is given one of these: those begin at 32768 or later. Runs that begin at
# the same time begin at different ones.
_ports = filter(port_is_free, itertools.cycle(range(20_000 + os.getpid() % 12_000, 32_700)))


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
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        yield Actor(None, "", client)


def actor(server: Server, user: User) -> Iterator[Actor]:
    _, key = api_key_create(user=user, name="tests")
    headers = {"Authorization": f"Api-Key {key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE) as client:
        yield Actor(user, key, client)
