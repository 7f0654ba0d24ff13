"""``GET /api/v1/predictions/``: one's own rows, by time, label, version and subject"""

from __future__ import annotations

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pyarrow.parquet as pq
import pytest

from accounts.models import AuditEvent
from mlops.log.privacy import text_seal
from mlops.models import LogExport, Prediction
from tests.mlops.log.conftest import rows_of
from tests.waiting import wait_for

LIST = "/api/v1/predictions/"
TEXTS = ["Thank you so much", "I am furious about this", "The meeting is at nine", "I love it"]


@pytest.fixture
def asked(newcomer) -> list[dict]:
    """The results of four texts; the last two have a subject."""
    first = newcomer.client.post("/api/v1/emotions/analyze", json={"texts": TEXTS[:2]}).json()
    body = {"texts": TEXTS[2:], "subject": "customer-7"}
    second = newcomer.client.post("/api/v1/emotions/analyze", json=body).json()
    results = first["results"] + second["results"]
    rows_of([each["id"] for each in results])
    return results


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [each["id"] for each in response.json()["predictions"]]


def test_it_works(newcomer, asked):
    response = newcomer.client.get(LIST)
    assert ids(response) == sorted((each["id"] for each in asked), reverse=True)
    row = response.json()["predictions"][-1]
    assert row["top_label"] == asked[0]["dominant"]["label"] == "gratitude"
    assert row["version"].startswith("valence-minilm:")
    assert response.json()["next"] is None


def test_pages_hold_every_row_once(newcomer, asked):
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        response = newcomer.client.get(LIST, params=query)
        seen += ids(response)
        cursor = response.json()["next"]
        if cursor is None:
            break
    assert seen == ids(newcomer.client.get(LIST))


def test_filters_narrow(newcomer, asked):
    def found(**query) -> set[str]:
        return set(ids(newcomer.client.get(LIST, params=query)))

    by_position = [each["id"] for each in asked]
    version = newcomer.client.get(LIST).json()["predictions"][0]["version"]
    now = datetime.now(UTC)
    assert found(label="gratitude") == {by_position[0]}
    assert found(label="gratitude,love") == {by_position[0], by_position[3]}
    assert found(subject="customer-7") == set(by_position[2:])
    assert found(subject="customer-8") == set()
    assert found(version=version) == set(by_position)
    assert found(key=newcomer.key.split("_")[1]) == set(by_position)
    assert found(failed="true") == set()
    assert found(since=(now - timedelta(hours=1)).isoformat()) == set(by_position)
    assert found(until=(now - timedelta(hours=1)).isoformat()) == set()


def test_the_detail_has_every_score(newcomer, asked):
    body = newcomer.client.get(f"{LIST}{asked[1]['id']}/").json()
    assert body["scores"] == pytest.approx(asked[1]["scores"], abs=1.1e-4)
    assert "text" not in body


def test_nobody_sees_the_rows_of_others(owner, member, asked):
    assert not {each["id"] for each in asked} & set(ids(member.client.get(LIST)))
    assert member.client.get(f"{LIST}{asked[0]['id']}/").status_code == 404
    assert member.client.get(LIST, params={"everyone": "true"}).status_code == 403
    everyone = owner.client.get(LIST, params={"everyone": "true", "limit": 500})
    assert {each["id"] for each in asked} <= set(ids(everyone))
    assert owner.client.get(f"{LIST}{asked[0]['id']}/").status_code == 200


def test_reading_a_kept_text_is_audited(newcomer, member, asked):
    Prediction.objects.filter(pk=asked[0]["id"]).update(text=text_seal(TEXTS[0]))
    path = f"{LIST}{asked[0]['id']}/"
    assert "text" not in newcomer.client.get(path).json()
    assert newcomer.client.get(path, params={"text": "true"}).json()["text"] == TEXTS[0]
    event = AuditEvent.objects.get(action="prediction_text_read", target=asked[0]["id"])
    assert event.actor_id == newcomer.user.pk
    assert newcomer.client.get(f"{LIST}{asked[1]['id']}/?text=true").json()["text"] is None


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"),
        ({"version": "unheard-of:1"}, "version"),
        ({"limit": 501}, "limit"),
        ({"cursor": "next"}, "cursor"),
        ({"lable": "joy"}, "lable"),
    ],
)
def test_bad_queries_are_named(newcomer, query, attr):
    response = newcomer.client.get(LIST, params=query)
    assert response.status_code == 400
    assert [error["attr"] for error in response.json()["errors"]] == [attr]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_is_made_in_the_background(newcomer, asked, kind):
    response = newcomer.client.post(f"{LIST}exports/", json={"format": kind, "label": "gratitude"})
    assert response.status_code == 202, response.text
    path = f"{LIST}exports/{response.json()['id']}/"
    wait_for(lambda: newcomer.client.get(path).json()["status"] in {"done", "failed"})
    body = newcomer.client.get(path).json()
    assert (body["status"], body["rows"], body["error"]) == ("done", 1, "")
    file = newcomer.client.get(f"{path}file/")
    assert "attachment" in file.headers["Content-Disposition"]
    if kind == "csv":
        (row,) = csv.DictReader(io.StringIO(file.text))
    else:
        (row,) = pq.read_table(io.BytesIO(file.content)).to_pylist()
    assert row["id"] == asked[0]["id"]
    assert row["top_label"] == "gratitude"


def test_an_export_of_somebody_else_is_not_found(member, newcomer):
    export = LogExport.objects.create(user=newcomer.user, format="csv", status="done")
    assert newcomer.client.get(f"{LIST}exports/").json()["exports"][0]["id"] == str(export.pk)
    for path in (f"{LIST}exports/{export.pk}/", f"{LIST}exports/{export.pk}/file/"):
        assert member.client.get(path).status_code == 404


def test_too_many_exports_wait(newcomer):
    for _ in range(3):
        LogExport.objects.create(user=newcomer.user, format="csv")
    response = newcomer.client.post(f"{LIST}exports/", json={})
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "60"


def test_a_wrong_id_is_not_found(newcomer):
    for wrong in (uuid.uuid4(), uuid.UUID(int=2**128 - 1), uuid.UUID(int=0)):
        assert newcomer.client.get(f"{LIST}{wrong}/").status_code == 404
