"""From the spool to the table: each row once, whatever happens in between"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from django.db import OperationalError

from mlops.inference.manifest import manifest_read
from mlops.log import metrics, writer
from mlops.log.recorder import Recorder
from mlops.log.records import Caller, Document, Exposure, Request, Stages
from mlops.log.spool import segments_adopt, spool_files
from mlops.models import Prediction, UsageHour

CALLER = Caller("r" * 32, b"u" * 16, "soak", "192.0.2.0")


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch):
    # Its thread must not be faster than the test: the test is the one that drains.
    monkeypatch.setattr(writer.Writer, "run", lambda _: None)
    made = Recorder(tmp_path / "spool")
    yield made
    made.start().leave()


@pytest.fixture
def digest(version_folder_int8: Path) -> str:
    return manifest_read(version_folder_int8).digest


def add(recorder: Recorder, digest: str, *, shadow: bool = False, count: int = 3) -> list[str]:
    scores = np.linspace(0, 1, 28).astype("<f4").tobytes()
    request = Request(CALLER, digest, Stages(1, 2, 3), Exposure(shadow=shadow))
    return recorder.record(request, [Document(f"text {n}", scores, 5, 1) for n in range(count)])


def stored(ids: list[str]) -> int:
    return Prediction.objects.filter(pk__in=ids).count()


def test_it_works(recorder, digest, tmp_path):
    ids = add(recorder, digest)
    assert stored(ids) == 0
    assert recorder.drain()
    assert stored(ids) == 3
    assert spool_files(tmp_path / "spool") == []
    row = Prediction.objects.get(pk=ids[0])
    assert row.top_label == "neutral"
    assert row.labels[0] == "neutral"
    assert len(bytes(row.scores)) == 56


def test_the_same_frames_twice_add_nothing(recorder, digest, tmp_path):
    ids = add(recorder, digest)
    ((path, _),) = spool_files(tmp_path / "spool")
    content = path.read_bytes()
    hours = UsageHour.objects.filter(key_id="soak")
    before = sum(hours.values_list("documents", flat=True))
    assert recorder.drain()
    (tmp_path / "spool" / "live-1.0-other-1-0.spool").write_bytes(content + content)
    Recorder(tmp_path / "spool").drain()  # as after kill -9: another process finds the file
    assert stored(ids) == 3
    assert list((tmp_path / "spool").iterdir()) == []
    assert sum(hours.values_list("documents", flat=True)) - before == 3


def test_an_absent_database_costs_time_not_rows(recorder, digest, tmp_path, monkeypatch):
    ids = add(recorder, digest)

    def refuse(*_):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "rows_store", refuse)
        assert not recorder.drain()
        ids += add(recorder, digest)
        assert not recorder.drain()
        state = recorder.state()
        assert "closed the connection" in str(state["warning"])
        assert int(str(state["spool_bytes"])) > 0
    assert recorder.drain()
    assert stored(ids) == 6
    assert "warning" not in recorder.state()


def test_rows_that_the_database_refuses_are_set_aside(recorder, digest, tmp_path):
    request = Request(CALLER, digest, Stages(), Exposure(rollout_id=2**63 - 1, arm_id=1))
    recorder.record(request, [Document("x", None, tokens=-1)])
    good = add(recorder, digest)  # in the same file
    assert recorder.drain()
    assert stored(good) == 3
    assert len(list((tmp_path / "spool").glob("*.bad"))) == 1


def test_a_full_spool_drops_shadows_first_and_refuses_bulk(recorder, digest, settings, monkeypatch):
    settings.LOG_SPOOL_BYTES = 6_000

    def refuse(*_):
        raise OperationalError("away")

    lost = metrics.LOST.labels("shadow_dropped")._value.get()
    with monkeypatch.context() as patch:
        patch.setattr(writer, "rows_store", refuse)
        shadows = add(recorder, digest, shadow=True, count=20)
        live = add(recorder, digest, count=20)
        recorder.drain()
        assert not recorder.bulk_refused()
        assert metrics.LOST.labels("shadow_dropped")._value.get() - lost == 20
        live += add(recorder, digest, count=40)  # live answers go on
        recorder.drain()
        assert recorder.bulk_refused()
    assert recorder.drain()
    assert not recorder.bulk_refused()
    assert stored(live) == 60
    assert stored(shadows) == 0


def test_a_spool_that_cannot_be_written_loses_rows_not_answers(tmp_path, digest, monkeypatch):
    (tmp_path / "spool").write_text("a file where the folder should be")
    monkeypatch.setattr(writer.Writer, "run", lambda _: None)
    recorder = Recorder(tmp_path / "spool")
    assert len(add(recorder, digest)) == 3
    assert recorder.lost == 3


def test_at_the_end_of_a_process_everything_is_moved_or_left_for_others(recorder, digest, tmp_path):
    ids = add(recorder, digest)
    recorder.start().leave()
    assert stored(ids) == 3
    assert segments_adopt(tmp_path / "spool") == []


def test_an_unknown_version_still_has_its_rows(recorder):
    ids = add(recorder, "f" * 64)
    assert recorder.drain()
    row = Prediction.objects.get(pk=ids[0])
    assert (row.version_id, row.top_label, row.labels) == (None, "", [])


def test_a_row_lies_in_the_month_of_its_id(recorder, digest):
    # A whole second, too: its letters are fewer.
    for moment in (
        datetime(2026, 12, 31, 23, 59, 59, 999000, UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
    ):
        row_add(recorder, digest, moment)


def row_add(recorder, digest, moment):
    request = Request(CALLER, digest, Stages(), moment=int(moment.timestamp() * 1000))
    (key,) = recorder.record(request, [Document("x", None)])
    assert recorder.drain()
    assert Prediction.objects.by_id(UUID(key)).get().created_at == moment
