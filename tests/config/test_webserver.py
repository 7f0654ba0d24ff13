"""config.webserver: what all workers only read is loaded once, before they are forked"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from emotions.management.commands.setup import DEFAULT_EMAIL
from mlops.inference.artifact import artifact_write
from mlops.inference.manifest import manifest_read
from tests.conftest import Server, server_launch, server_start, server_stop, wait_until_ready
from tests.processes import children, memory, web_main, web_workers
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
TEXT = "Thank you so much, you saved my day"
# So many that one of two workers gets none in one run of a billion.
CONNECTIONS = 30


@dataclass(frozen=True)
class Workers:
    """A server of two workers over a database of its own."""

    running: Server
    environment: dict[str, str]
    key: str

    def answers(self, *texts: str) -> list[httpx.Response]:
        """To the same texts, each over a connection of its own: all workers are asked."""
        url = f"{self.running.url}/api/v1/emotions/analyze"
        headers = {"Authorization": f"Api-Key {self.key}"}
        return [
            httpx.post(url, json={"texts": texts or [TEXT]}, headers=headers, timeout=PATIENCE)
            for _ in range(CONNECTIONS)
        ]

    def versions(self) -> set[str]:
        """That answer; "" where a worker is loading."""
        return {answer.headers.get("X-Model-Version", "") for answer in self.answers()}

    def oldest_killed(self) -> None:
        """Kill a worker and wait until another one has come in its place."""
        before = web_workers(self.running)
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: len(set(web_workers(self.running)) - {before[0]}) == 2)
        wait_until_ready(self.running)


def manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def environment(fresh, fresh_environment, tmp_path_factory) -> dict[str, str]:
    """A copy of what the first set-up made."""
    folder = tmp_path_factory.mktemp("workers")
    name = "valence.sqlite3"
    source, target = sqlite3.connect(fresh.data_dir / name), sqlite3.connect(folder / name)
    with closing(source), closing(target):
        source.backup(target)
    shutil.copytree(fresh.data_dir / "models", folder / "models")
    return fresh_environment | {"DATA_DIR": str(folder)}


@pytest.fixture(scope="module")
def workers(environment) -> Iterator[Workers]:
    printed = manage(environment, "create_api_key", DEFAULT_EMAIL, "--name", "tests")
    key = re.search(r"val_\S+", printed).group()
    folder = Path(environment["DATA_DIR"])
    # Two lanes in each.
    lanes = environment | {"INFERENCE_THREADS": "2"}
    running = server_start(lanes, folder, "--no-worker", "--workers", "2")
    yield Workers(running, environment, key)
    server_stop(running)


def test_it_works(workers):
    answers = workers.answers()
    assert {answer.status_code for answer in answers} == {200}
    scores = [answer.json()["results"][0]["scores"] for answer in answers]
    assert scores == [scores[0]] * CONNECTIONS


def test_batches_are_tokenised_and_computed_side_by_side(workers):
    """By threads that a worker starts after the fork."""
    texts = [f"{TEXT}, and this is word number {number} of it" for number in range(100)]
    answers = workers.answers(*texts)
    labels = {result["dominant"]["label"] for each in answers for result in each.json()["results"]}
    assert labels == {"gratitude"}


def test_what_every_worker_counted_is_added_up(workers):
    # A method that nothing else here uses: what a worker counted before may come a moment late.
    name = 'django_http_requests_total_by_method_total{method="PUT"}'

    def counted() -> float:
        page = httpx.get(f"{workers.running.url}/metrics", timeout=PATIENCE).text
        lines = [line for line in page.splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    for _ in range(CONNECTIONS):
        httpx.put(f"{workers.running.url}/health/live", timeout=PATIENCE)
    # The worker that is asked knows its own at once, and those of others a moment later.
    wait_for(lambda: counted() >= CONNECTIONS)
    assert counted() == CONNECTIONS


def assert_shared(worker: int) -> None:
    """Of the model, the vocabulary and the code it has no copy: two thirds are not its own."""
    kinds = memory(worker)
    assert kinds["Private_Dirty"] < kinds["Rss"] / 3


def test_workers_share_what_they_only_read(workers):
    for worker in web_workers(workers.running):
        assert_shared(worker)


def test_a_worker_that_died_comes_back_and_shares_it_too(workers):
    workers.oldest_killed()
    assert {answer.status_code for answer in workers.answers()} == {200}
    assert_shared(web_workers(workers.running)[-1])


def test_one_that_comes_back_after_a_promotion_serves_what_was_promoted(workers, tmp_path):
    held, (before,) = memory(web_main(workers.running))["Rss"], workers.versions()
    artifact = second(Path(workers.environment["DATA_DIR"]) / "models", tmp_path / "second")
    printed = manage(workers.environment, "register_model", str(artifact), "--json")
    name = json.loads(printed)["version"]
    manage(workers.environment, "promote_model", name, "--force", "--reason", "a test")
    wait_for(lambda: before not in workers.versions())
    (after,) = workers.versions()
    # What nobody serves any more is not kept for those to come.
    wait_for(lambda: memory(web_main(workers.running))["Rss"] < held - 20_000)
    workers.oldest_killed()
    wait_for(lambda: "" not in workers.versions())
    assert workers.versions() == {after}


def second(models: Path, folder: Path) -> Path:
    """The int8 export among *models* under another version's name, in *folder*."""
    folders = [each.parent for each in models.rglob("manifest.json")]
    (export,) = [each for each in folders if manifest_read(each).precision == "int8"]

    def fill(target: Path) -> None:
        shutil.copytree(export, target, dirs_exist_ok=True)

    artifact_write(folder, replace(manifest_read(export), version="second"), fill)
    return folder


def web_start(environment: dict[str, str], folder: Path, workers: int, application: str) -> Server:
    """The web server alone."""
    command = ["-m", "config.webserver", "--interface", "wsgi", "--workers", str(workers)]
    return server_launch(environment | {"WORKERS": str(workers)}, folder, *command, application)


def test_a_model_that_cannot_be_loaded_does_not_keep_the_server_from_starting(
    environment, tmp_path
):
    """Readiness says why, as with a single worker."""
    models = tmp_path / "models"
    shutil.copytree(Path(environment["DATA_DIR"]) / "models", models)
    for path in models.rglob("*.onnx"):
        path.write_bytes(b"damaged")
    damaged = environment | {"MODELS_DIR": str(models)}
    running = web_start(damaged, tmp_path, 2, "config.wsgi:application")

    def reason() -> str:
        assert running.process.poll() is None, running.log.read_text()
        try:
            answer = httpx.get(f"{running.url}/health/ready")
        except httpx.TransportError:
            return ""
        assert answer.status_code == 503
        return answer.json()["detail"] if "Artifact" in answer.json()["detail"] else ""

    try:
        assert "model.onnx" in wait_for(reason, running.log.read_text)
        assert "not loaded ahead of the workers: ArtifactCorruptError" in running.log.read_text()
    finally:
        assert server_stop(running) == 0
    assert children(running) == []


@pytest.mark.parametrize("count", [1, 2])
def test_workers_that_are_still_loading_stop_when_told_to(environment, tmp_path, count):
    """As with a mistake noticed too late, or a host that is going down."""
    (tmp_path / "endless.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path(__file__).with_name(f'loading-{os.getpid()}').touch()\n"
        "time.sleep(3600)\n"
    )
    application = f"{tmp_path / 'endless.py'}:application"
    running = web_start(environment, tmp_path, count, application)
    wait_for(lambda: len(list(tmp_path.glob("loading-*"))) == count, running.log.read_text)
    assert server_stop(running) == 0
    assert children(running) == []
