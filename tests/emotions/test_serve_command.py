"""manage.py setup and manage.py serve: the main job, from an empty folder"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from django.conf import settings
from django.db import connection

from tests.conftest import server_start, server_stop, wait_until_ready
from tests.processes import children, command_line, web_main, web_workers
from tests.waiting import PATIENCE, wait_for


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
    with httpx.Client(base_url=fresh.url, follow_redirects=True, timeout=PATIENCE) as client:
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


def test_the_web_process_holds_nothing_that_answers_nobody(fresh):
    """Named by their compiled parts; transformers has none of its own, its expressions have."""
    unused = ["libtorch", "/regex/", "/cryptography/", "/charset_normalizer/", "/markupsafe/"]
    if connection.vendor != "postgresql":
        unused.append("/psycopg_binary")
    workers = web_workers(fresh)
    assert workers
    for pid in [web_main(fresh), *workers]:
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert [name for name in unused if name in mapped] == []


def test_a_port_in_use_is_named(fresh, fresh_environment):
    port = fresh.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", port],
        cwd=settings.BASE_DIR,
        env=fresh_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be used (Address already in use)" in done.stderr


def test_a_web_process_that_dies_is_started_again(fresh):
    worker = web_workers(fresh)[0]
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: worker not in children(fresh))
    wait_until_ready(fresh)


def test_ctrl_c_ends_every_process_and_the_secrets_are_not_shown_again(fresh, fresh_environment):
    processes = children(fresh)
    assert any("celery" in command_line(pid) for pid in processes)
    assert server_stop(fresh) == 0
    # A grandchild that ended is there until the init process has looked at it.
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))
    again = server_start(fresh_environment, Path(fresh_environment["DATA_DIR"]), "--no-worker")
    printed = again.log.read_text()
    assert server_stop(again) == 0
    assert "exist already" in printed
    assert "password" not in printed


def test_a_damaged_model_stops_the_start_with_its_name(fresh_environment, tmp_path):
    broken = tmp_path / "pretrained"
    broken.mkdir()
    script = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'\n"
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
        env={
            **fresh_environment,
            "DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "The model is not usable" in done.stderr
    assert "manifest.json: cannot be read" in done.stderr
