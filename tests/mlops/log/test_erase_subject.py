"""``manage.py erase_subject``: no byte of a planted text is left anywhere"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditEvent, Tier, User
from mlops.log.archive import month_archive
from mlops.log.privacy import subject_hash, text_hash, text_open
from mlops.models import LogArchive, LogExport, Prediction
from tests.mlops.log.conftest import rows_of
from tests.waiting import PATIENCE, clear_of_midnight

PLANTED = "The walrus left the harbour at midnight with my sister Wilhelmina"


@pytest.fixture
def files(settings, tmp_path, server, monkeypatch):
    monkeypatch.setattr("mlops.log.erasure.SPOOL_SECONDS", PATIENCE)
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.LOG_SPOOL_DIR = server.data_dir / "spool"
    yield tmp_path / "files"
    LogArchive.objects.all().delete()


@pytest.fixture
def planted(newcomer, files) -> list[Prediction]:
    """Two rows of a subject with their texts kept, one of another, all archived, too."""
    clear_of_midnight()
    fields = Tier.objects.filter(pk="standard").values().get() | {
        "name": f"kept-{uuid.uuid4().hex[:8]}",
        "text_logging": "full",
    }
    User.objects.filter(pk=newcomer.user.pk).update(tier=Tier.objects.create(**fields))
    asked = [
        newcomer.analyze(texts=[PLANTED, PLANTED + " again"], subject="wilhelmina"),
        newcomer.analyze(text="Somebody else's words", subject="another"),
    ]
    ids = [each["id"] for response in asked for each in response.json()["results"]]
    rows = rows_of(ids)
    month_archive(datetime.now(UTC).date().replace(day=1))
    return [rows[key] for key in ids]


@pytest.fixture
def place(files, server):
    return files, server


def everything(files: Path, server) -> bytes:
    """The bytes of tables, archives, exports and spool, as they lie on disk or are dumped."""
    parts = [path.read_bytes() for path in files.rglob("*") if path.is_file()]
    parts += [path.read_bytes() for path in (server.data_dir / "spool").glob("*")]
    if connection.vendor == "sqlite":
        database = str(connection.settings_dict["NAME"])
        parts += [
            path.read_bytes() for path in Path(database).parent.glob(f"{Path(database).name}*")
        ]
        return b"".join(parts)
    with connection.cursor() as cursor:
        for table in ("mlops_prediction", "mlops_feedback", "mlops_logexport"):
            cursor.execute(f"SELECT t::text FROM {table} t")
            parts += [row[0].encode() for row in cursor.fetchall()]
    return b"".join(parts)


def traces(user, rows) -> list[bytes]:
    """Everything of the subject that a byte-wise search could meet."""
    subject = subject_hash(user.pk.bytes, "wilhelmina")
    found = [
        b"walrus",
        b"Wilhelmina",
        subject,
        subject.hex().encode(),
        str(uuid.UUID(bytes=subject)).encode(),
    ]
    for row in rows:
        digest = text_hash(text_open(bytes(row.text)))
        found += [bytes(row.text), digest.hex().encode(), str(uuid.UUID(bytes=digest)).encode()]
    return found


@pytest.mark.parametrize("anonymise", [False, True])
def test_it_works(newcomer, planted, place, capsys, anonymise):
    files, server = place
    assert text_open(bytes(planted[0].text)) == PLANTED
    before = everything(files, server)
    assert b"walrus" not in before  # encrypted from the start
    if connection.vendor == "sqlite":
        assert bytes(planted[0].text) in before
    options = ["--anonymise"] if anonymise else []
    call_command("erase_subject", "wilhelmina", "--user", newcomer.user.email, "--json", *options)
    result = json.loads(capsys.readouterr().out)
    assert result == {
        "rows": 2,
        "archived_rows": 2,
        "archives": 1,
        "feedback": 0,
        "exports": 0,
        "left": 0,
    }
    after = everything(files, server)
    assert [trace for trace in traces(newcomer.user, planted[:2]) if trace in after] == []
    kept = Prediction.objects.filter(pk__in=[row.pk for row in planted])
    assert kept.count() == (3 if anonymise else 1)
    archive = LogArchive.objects.get()
    assert archive.rows >= kept.count()
    assert default_storage.exists(archive.path)
    assert text_open(bytes(Prediction.objects.get(pk=planted[2].pk).text)).startswith("Somebody")
    assert AuditEvent.objects.filter(action="subject_erased", target=newcomer.user.email).exists()


def test_the_same_subject_of_another_user_is_another(newcomer, planted, member):
    call_command("erase_subject", "wilhelmina", "--user", member.user.email)
    assert Prediction.objects.filter(pk__in=[row.pk for row in planted]).count() == 3


def test_exports_of_the_user_go_as_well(newcomer, files):
    path = default_storage.save("log/exports/x.csv", ContentFile(b"rows"))
    export = LogExport.objects.create(user=newcomer.user, format="csv", status="done", path=path)
    call_command("erase_subject", "nobody", "--user", newcomer.user.email)
    assert not default_storage.exists(path)
    export.refresh_from_db()
    assert export.path == ""


def test_an_unknown_user_is_misuse():
    with pytest.raises(CommandError) as error:
        call_command("erase_subject", "x", "--user", "nobody@example.org")
    assert error.value.returncode == 2


def test_what_is_still_spooled_is_not_overlooked(newcomer, files, monkeypatch, tmp_path, settings):
    settings.LOG_SPOOL_DIR = tmp_path / "held"
    settings.LOG_SPOOL_DIR.mkdir()
    digest = subject_hash(newcomer.user.pk.bytes, "wilhelmina")
    (settings.LOG_SPOOL_DIR / "live-1.0-host-1-0.bad").write_bytes(b"..." + digest)
    monkeypatch.setattr("mlops.log.erasure.SPOOL_SECONDS", 0.3)
    with pytest.raises(CommandError, match="spool"):
        call_command("erase_subject", "wilhelmina", "--user", newcomer.user.email)
