"""``manage.py import_log``: every row of a SQLite installation arrives, once"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from mlops.inference.manifest import manifest_read
from mlops.log.ids import ids_make
from mlops.log.moving import SOURCE, source_connect
from mlops.log.rows import COLUMNS
from mlops.models import ModelVersion, Prediction, UsageHour


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    """An installation of its own on SQLite, with three months of rows."""
    url = f"sqlite:///{tmp_path_factory.mktemp('old') / 'old.sqlite3'}"
    environment = {**os.environ, "DATABASE_URL": url}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True)
    return url


def rows_add(user: uuid.UUID) -> dict[uuid.UUID, tuple]:
    rows = []
    for number in range(60):
        moment = datetime(2026, 9, 15, 8, tzinfo=UTC) + timedelta(days=number, milliseconds=number)
        key = uuid.UUID(bytes=ids_make(1, int(moment.timestamp() * 1000))[0])
        rows.append(
            Prediction(
                id=key,
                created_at=moment,
                request_id=f"request-{number}",
                user_id=user,
                key_id="old",
                subject_hash=uuid.uuid4() if number % 2 else None,
                text_hash=uuid.uuid4(),
                labels=["joy", 'with "quotes", \\ and\ttab'],
                top_label="joy",
                top_score=0.75,
                scores=bytes(range(56)),
                network="192.0.2.0",
                text=b"\x00\xffsealed" if number % 3 else None,
            )
        )
    Prediction.objects.using(SOURCE).bulk_create(rows)
    return {row.pk: values(row) for row in rows}


def values(row: Prediction) -> tuple:
    made = (getattr(row, name) for name in COLUMNS)
    return tuple(bytes(each) if isinstance(each, memoryview) else each for each in made)


def test_it_works(source, capsys):
    source_connect(source)
    user = uuid.uuid4()
    expected = rows_add(user)
    for new in (60, 0):  # running it again changes nothing
        call_command("import_log", source, "--no-progress", "--json")
        assert json.loads(capsys.readouterr().out) == {"read": 60, "new": new}
    found = {row.pk: values(row) for row in Prediction.objects.by_id(*expected)}
    assert found == expected
    hours = UsageHour.objects.filter(user_id=user)
    assert sum(hours.values_list("documents", flat=True)) == 60
    Prediction.objects.filter(pk__in=expected).delete()
    Prediction.objects.using(SOURCE).all().delete()
    connections[SOURCE].close()


def test_versions_are_matched_by_digest(source, version_folder_int8: Path, capsys):
    source_connect(source)
    digest = manifest_read(version_folder_int8).digest
    here = ModelVersion.objects.select_related("model").get(digest=digest)
    here.model.save(using=SOURCE)
    there = ModelVersion.objects.get(pk=here.pk)
    there.pk, there.parent_id = 4711, None
    there.save(using=SOURCE, force_insert=True)
    keys = list(rows_add(uuid.uuid4()))
    Prediction.objects.using(SOURCE).update(version_id=4711)
    call_command("import_log", source, "--no-progress")
    stored = Prediction.objects.by_id(*keys)
    assert set(stored.values_list("version_id", flat=True)) == {here.pk}
    stored.delete()
    connections[SOURCE].close()


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////nowhere/x.db"])
def test_a_wrong_source_is_named(url):
    with pytest.raises(CommandError) as error:
        call_command("import_log", url, "--no-progress")
    assert error.value.returncode == 2
    assert url in str(error.value)


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(CommandError, match="no such file"):
        call_command("import_log", f"sqlite:///{tmp_path}/old.sqlite3", "--no-progress")
    assert list(tmp_path.iterdir()) == []
