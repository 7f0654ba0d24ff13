"""What an answer leaves in the request log"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from mlops.log.ids import id_time
from mlops.log.rows import scores_unpack
from mlops.models import ModelVersion, Prediction, UsageHour
from tests.mlops.log.conftest import rows_of


def test_it_works(owner):
    text = f"Thank you so much {uuid.uuid4()}"
    asked = datetime.now(UTC)
    response = owner.analyze(text=text, subject="customer-7")
    answered = datetime.now(UTC)
    result = response.json()["results"][0]
    row = rows_of([result["id"]])[result["id"]]
    assert row.request_id == response.headers["X-Request-ID"]
    assert row.user_id == owner.user.pk
    assert row.key_id == owner.key.split("_")[1]
    assert row.created_at == id_time(row.pk)
    # Ids are exact to the millisecond.
    assert asked - timedelta(milliseconds=1) < row.created_at <= answered
    version = ModelVersion.objects.get(pk=row.version_id or 0)
    assert version.digest == response.json()["meta"]["model"]["digest"]
    assert row.labels == [each["label"] for each in result["labels"]]
    assert row.top_label == result["dominant"]["label"]
    assert row.top_score == pytest.approx(result["dominant"]["score"], abs=1e-4)
    assert scores_unpack(row.scores) == pytest.approx(list(result["scores"].values()), abs=1e-4)
    assert (row.text_length, row.tokens, row.windows) == (len(text), result["tokens"], 1)
    assert row.valence == result["valence"]
    assert (row.status, row.error_code, row.cached, row.shadow) == (200, "", False, False)
    assert row.network == "127.0.0.0"
    assert row.subject_hash is not None
    assert row.text_hash is not None
    assert row.text is None
    assert 0 < row.infer_ms < row.total_ms


def test_a_cached_answer_is_a_prediction_of_its_own(owner):
    text = f"Again and again {uuid.uuid4()}"
    results = [owner.analyze(text=text).json()["results"][0] for _ in range(2)]
    rows = rows_of([each["id"] for each in results])
    first, second = (rows[each["id"]] for each in results)
    assert (first.cached, second.cached) == (False, True)
    assert first.text_hash == second.text_hash
    assert first.scores == second.scores


def test_a_batch_has_an_id_for_each_text_that_could_be_read(owner):
    results = owner.analyze(texts=["one", "", "three"], granularity="sentence").json()["results"]
    assert "id" not in results[1]
    ids = [results[0]["id"], results[2]["id"]]
    assert sorted(ids) == ids
    assert set(rows_of(ids)) == set(ids)


def test_presentation_changes_nothing_of_the_row(owner):
    text = f"What a joy {uuid.uuid4()}"
    plain = owner.analyze(text=text).json()["results"][0]
    coarse = owner.analyze(text=text, taxonomy="sentiment", top_k=1, threshold=0.9).json()
    rows = rows_of([plain["id"], coarse["results"][0]["id"]])
    assert len({tuple(row.labels) for row in rows.values()}) == 1
    assert len({row.top_label for row in rows.values()}) == 1


def test_store_false_keeps_nothing_of_the_text(owner):
    result = owner.analyze(text="between us", store=False).json()["results"][0]
    row = rows_of([result["id"]])[result["id"]]
    assert row.text_hash is None
    assert row.text is None
    assert row.text_length == len("between us")


@pytest.mark.parametrize(
    ("body", "attr"),
    [({"store": "no"}, "store"), ({"subject": ""}, "subject"), ({"subject": "x" * 257}, "subject")],
)
def test_bad_options_are_named(owner, body, attr):
    response = owner.analyze(text="hello", **body)
    assert response.status_code == 400
    assert [error["attr"] for error in response.json()["errors"]] == [attr]


def documents(actor) -> int:
    hours = UsageHour.objects.filter(user_id=actor.user.pk)
    return sum(hours.values_list("documents", flat=True))


def test_the_hours_of_use_count_each_document_once(newcomer):
    for _ in range(2):
        texts = [f"{n} {uuid.uuid4()}" for n in range(5)]
        rows_of([each["id"] for each in newcomer.analyze(texts=texts).json()["results"]])
    assert documents(newcomer) == 10
    assert Prediction.objects.filter(user_id=newcomer.user.pk).count() == 10


def test_readiness_tells_how_the_log_fares(owner):
    state = owner.client.get("/health/ready").json()["request_log"]
    assert state["lost"] == 0
    assert state["lag_seconds"] >= 0
