"""The daily round and ``manage.py partitions``: retention, archives, and no row lost on the way"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from mlops.log import maintenance, partitions
from mlops.log.archive import ArchiveError, archive_verify, month_archive, month_bounds
from mlops.log.ids import ids_make
from mlops.log.maintenance import log_maintain
from mlops.models import DriftEvent, LogArchive, Prediction

postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
OLD = date(2019, 3, 1)
TODAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.LOG_RETENTION_MONTHS = 12
    yield tmp_path
    LogArchive.objects.all().delete()
    Prediction.objects.between(
        datetime(2019, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    ).delete()
    DriftEvent.objects.filter(measure="strays").delete()


def add(count: int, at: datetime, **fields) -> list[uuid.UUID]:
    rows = []
    for number in range(count):
        moment = at + timedelta(seconds=number)
        key = uuid.UUID(bytes=ids_make(1, int(moment.timestamp() * 1000))[0])
        values = {"top_label": "joy", "top_score": 0.9, "labels": ["joy"], "scores": b"\0\1" * 28}
        rows.append(Prediction(id=key, created_at=moment, **(values | fields)))
    Prediction.objects.bulk_create(rows)
    return [row.pk for row in rows]


def test_it_works(files, capsys):
    """An old month becomes a file that analyze_log reads, and leaves the table."""
    if connection.vendor == "postgresql":
        partitions.partition_create(connection, OLD)
    add(30, datetime(2019, 3, 31, 23, 59, 0, tzinfo=UTC), total_ms=3.0)
    recent = add(3, datetime(2026, 11, 20, tzinfo=UTC))
    planned = log_maintain(today=TODAY, dry_run=True)
    assert planned.dropped == ["2019-03"]
    assert Prediction.objects.between(*month_bounds(OLD)).count() == 30
    done = log_maintain(today=TODAY)
    assert done.dropped == ["2019-03"]
    assert Prediction.objects.between(*month_bounds(OLD)).count() == 0
    assert Prediction.objects.filter(pk__in=recent).count() == 3
    archive = LogArchive.objects.get()
    assert archive.rows == 30
    call_command("analyze_log", "--json", "--until", "2019-12")
    (month,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (month["month"], month["rows"], month["labels"]) == ("2019-03", 30, {"joy": 30})
    assert month["p50_ms"] == pytest.approx(3.0, rel=0.05)
    assert log_maintain(today=TODAY).dropped == []
    Prediction.objects.filter(pk__in=recent).delete()


def test_rows_that_come_while_a_month_is_archived_stop_the_drop(monkeypatch):
    if connection.vendor == "postgresql":
        partitions.partition_create(connection, OLD)
    add(5, datetime(2019, 3, 10, tzinfo=UTC))
    real = month_archive

    def slow(month):
        archive = real(month)
        add(1, datetime(2019, 3, 11, tzinfo=UTC))
        return archive

    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "month_archive", slow)
        with pytest.raises(RuntimeError, match="5 rows archived, 6"):
            log_maintain(today=TODAY)
    assert Prediction.objects.between(*month_bounds(OLD)).count() == 6
    assert not LogArchive.objects.exists()
    log_maintain(today=TODAY)
    assert LogArchive.objects.get().rows == 6


def test_a_damaged_archive_is_noticed(files):
    if connection.vendor == "postgresql":
        partitions.partition_create(connection, OLD)
    add(5, datetime(2019, 3, 10, tzinfo=UTC))
    log_maintain(today=TODAY)
    archive = LogArchive.objects.get()
    path = files / archive.path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArchiveError, match="digest"):
        archive_verify(archive)


def test_nothing_is_dropped_where_everything_is_kept(settings):
    settings.LOG_RETENTION_MONTHS = 0
    add(1, datetime(2019, 3, 10, tzinfo=UTC))
    assert log_maintain(today=TODAY).dropped == []


def test_months_are_counted_across_years():
    assert partitions.month_after(date(2026, 11, 1), 2) == date(2027, 1, 1)
    assert partitions.month_after(date(2026, 1, 1), -1) == date(2025, 12, 1)


@pytest.mark.skipif(connection.vendor == "postgresql", reason="is about plain tables")
def test_on_a_plain_table_there_are_no_partitions_to_list():
    for options in ([], ["--detach", "x"], ["--convert"]):
        with pytest.raises(CommandError) as error:
            call_command("partitions", *options)
        assert error.value.returncode == 2


@postgresql
def test_the_command_lists_and_detaches(capsys):
    partitions.partition_create(connection, OLD)
    add(7, datetime(2019, 3, 10, tzinfo=UTC))
    call_command("partitions", "--json", "--exact")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mlops_prediction_2019_03"]["rows"] == 7
    call_command("partitions", "--detach", "mlops_prediction_2019_03", "--dry-run")
    assert Prediction.objects.between(*month_bounds(OLD)).count() == 7
    call_command("partitions", "--detach", "mlops_prediction_2019_03")
    assert Prediction.objects.between(*month_bounds(OLD)).count() == 0
    assert partitions.rows_count(connection, "mlops_prediction_2019_03") == 7
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE mlops_prediction_2019_03")
    with pytest.raises(CommandError) as error:
        call_command("partitions", "--detach", "mlops_prediction_default")
    assert error.value.returncode == 2


@postgresql
def test_strays_are_alarmed_on_and_put_into_their_month(settings):
    settings.LOG_RETENTION_MONTHS = 0
    add(4, datetime(2019, 7, 10, tzinfo=UTC))
    assert partitions.rows_count(connection, partitions.DEFAULT) == 4
    done = log_maintain(today=TODAY)
    assert (done.strays, done.created) == (4, ["mlops_prediction_2019_07"])
    assert partitions.rows_count(connection, partitions.DEFAULT) == 0
    assert Prediction.objects.between(*month_bounds(date(2019, 7, 1))).count() == 4
    assert DriftEvent.objects.get(measure="strays").value == 4
    partitions.partition_drop(connection, "mlops_prediction_2019_07")


@postgresql
def test_a_plain_table_becomes_partitions_with_every_row():
    keys = add(5, datetime(2019, 3, 10, tzinfo=UTC)) + add(6, datetime(2019, 5, 10, tzinfo=UTC))
    before = Prediction.objects.count()
    partitions.table_merge(connection)
    try:
        assert not partitions.is_partitioned(connection)
        assert Prediction.objects.count() == before
    finally:
        call_command("partitions", "--convert")
    assert partitions.is_partitioned(connection)
    assert Prediction.objects.count() == before
    assert Prediction.objects.by_id(*keys).count() == 11
    names = {each.name for each in partitions.partitions_list(connection)}
    assert {"mlops_prediction_2019_03", "mlops_prediction_2019_05"} <= names
    for name in ("mlops_prediction_2019_03", "mlops_prediction_2019_05"):
        partitions.partition_drop(connection, name)


@postgresql
def test_every_question_of_the_api_reads_only_its_months():
    partitions.partition_create(connection, OLD)
    window = Prediction.objects.between(*month_bounds(date(2026, 11, 1)))
    (key,) = add(1, datetime(2026, 11, 3, tzinfo=UTC))
    questions = [
        window,
        window.of_labels(["joy"]),
        window.filter(user_id=uuid.uuid4()),
        window.filter(subject_hash=uuid.uuid4()),
        window.exclude(error_code=""),
        window.before(key),
        Prediction.objects.by_id(key),
    ]
    for question in questions:
        plan = question.explain()
        assert "mlops_prediction_2026_11" in plan
        assert "2019_03" not in plan
        assert "default" not in plan
    partitions.partition_drop(connection, "mlops_prediction_2019_03")
    Prediction.objects.by_id(key).delete()
