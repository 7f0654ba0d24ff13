"""Configuration mistakes are found by manage.py check, with an id and a hint"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

from accounts.checks import peppers_check
from mlops.checks import broker_check, models_dir_check


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_works():
    done = manage("check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_deployment_behind_https_has_no_warnings():
    done = manage(
        *("check", "--deploy", "--fail-level", "WARNING"), HTTPS="1", ALLOWED_HOSTS="example.org"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "oracle-of-delphi://x"),
        ("INFERENCE_DEVICE", "abacus"),
        ("INFERENCE_PRECISION", "int8"),
        ("INFERENCE_SHAPES", "round"),
        ("WORKERS", "many"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_variable_is_named(name, value):
    done = manage("check", **{name: value})
    assert done.returncode == 1
    assert name in done.stderr


def test_peppers_that_cannot_be_read(settings):
    settings.API_KEY_PEPPERS = "no number here"
    assert [error.id for error in peppers_check(None)] == ["accounts.E001"]


def test_a_models_folder_that_cannot_be_written(settings, monkeypatch):
    assert models_dir_check(None) == []
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [error.id for error in models_dir_check(None)] == ["mlops.E001"]


def test_redis_beside_the_filesystem_broker(settings):
    settings.REDIS_URL = "redis://127.0.0.1:6379/9"
    settings.CELERY_BROKER_URL = "filesystem://"
    assert [warning.id for warning in broker_check(None)] == ["mlops.W001"]
