"""manage.py setup and manage.py serve: the main job, from an empty folder"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from tests.conftest import Server, server_start, server_stop, wait_until_ready


@pytest.fixture(scope="module")
def environment(version_folder_int8, tmp_path_factory) -> dict[str, str]:
    """Nothing configured but a folder; the export is shared to save its time."""
    folder = tmp_path_factory.mktemp("fresh")
    kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}}
    return {**kept, "DATA_DIR": str(folder), "MODELS_DIR": str(settings.MODELS_DIR)}


@pytest.fixture(scope="module")
def fresh(environment):
    running = server_start(environment, Path(environment["DATA_DIR"]))
    yield running
    if running.process.poll() is None:
        server_stop(running)


def children(running: Server) -> list[int]:
    """Every process below the command, however deep."""
    found, queue = [], [running.process.pid]
    while queue:
        listed = Path(f"/proc/{queue[0]}/task/{queue.pop(0)}/children")
        for pid in map(int, listed.read_text().split()):
            found.append(pid)
            queue.append(pid)
    return found


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def test_it_works(fresh):
    """The printed curl line answers as it is."""
    printed = fresh.log.read_text()
    curl = re.search(r"curl -s .*?\}'", printed, re.DOTALL)
    answer = subprocess.run(["bash", "-c", curl.group()], capture_output=True, check=True)
    assert b'"gratitude"' in answer.stdout
    assert re.search(r"password  \S+", printed)


def test_the_printed_password_opens_the_admin(fresh):
    printed = fresh.log.read_text()
    email, password = (re.search(rf"{name}\s+(\S+)", printed)[1] for name in ("e-mail", "password"))
    with httpx.Client(base_url=fresh.url, follow_redirects=True) as client:
        client.get("/admin/login/")
        page = client.post(
            "/admin/login/?next=/admin/",
            data={
                "username": email,
                "password": password,
                "csrfmiddlewaretoken": client.cookies["csrftoken"],
            },
            headers={"Referer": fresh.url},
        )
    assert "Log out" in page.text


def test_the_web_process_has_neither_torch_nor_transformers(fresh):
    workers = [pid for pid in children(fresh) if "granian" in command_line(pid)]
    assert workers
    for pid in workers:
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert "libtorch" not in mapped
        # transformers has no library of its own; its regular expressions have.
        assert "/regex/" not in mapped


def test_a_port_in_use_is_named(fresh, environment):
    port = fresh.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", port],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be used (Address already in use)" in done.stderr


def test_ctrl_c_ends_every_process_and_the_secrets_are_not_shown_again(fresh, environment):
    processes = children(fresh)
    assert any("celery" in command_line(pid) for pid in processes)
    assert server_stop(fresh) == 0
    # A grandchild that ended is there until the init process has looked at it.
    deadline = time.monotonic() + 5
    while left := [pid for pid in processes if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, [command_line(pid) for pid in left]
        time.sleep(0.05)
    again = server_start(environment, Path(environment["DATA_DIR"]), "--no-worker")
    printed = again.log.read_text()
    assert server_stop(again) == 0
    assert "exist already" in printed
    assert "password" not in printed


def test_a_worker_that_dies_is_started_again(environment):
    running = server_start(environment, Path(environment["DATA_DIR"]), "--no-worker")
    (main,) = [pid for pid in children(running) if parent(pid) == running.process.pid]
    (worker, *_) = [pid for pid in children(running) if parent(pid) == main]
    os.kill(worker, signal.SIGKILL)
    wait_until_ready(running)
    assert worker not in children(running)
    assert server_stop(running) == 0


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_a_damaged_model_stops_the_start_with_its_name(environment, tmp_path):
    broken = tmp_path / "pretrained"
    broken.mkdir()
    script = (
        "import django; django.setup()\n"
        "from pathlib import Path\n"
        "import emotions.setup as setup\n"
        f"setup.PRETRAINED = Path({str(broken)!r})\n"
        "from django.core.management import call_command\n"
        "call_command('setup')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env={**environment, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "The model is not usable" in done.stderr
    assert "manifest.json: cannot be read" in done.stderr
