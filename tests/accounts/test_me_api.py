"""GET /api/v1/me/ and /api/v1/me/usage/"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.activity import recorder
from accounts.models import Usage
from tests.accounts.conftest import error_of, poll

USAGE = "/api/v1/me/usage/"


def test_it_works(server, person, key_client):
    user = person("operator")
    client = key_client(user, scopes=["emotions:read", "jobs"])
    body = client.get("/api/v1/me/").json()
    assert body["id"] == str(user.pk)
    assert body["roles"] == ["operator"]
    assert body["tier"]["name"] == "standard"
    assert body["tier"]["texts_per_batch"] == 100
    assert body["credential"]["scopes"] == ["emotions:read", "jobs"]
    assert len(body["credential"]["key"]) == 12


def test_documents_are_counted_by_day_key_and_model(server, person, key_client):
    client = key_client(person())
    for texts in (["a"], ["a", "b", "c"]):
        model = client.post("/api/v1/emotions/analyze", json={"texts": texts}).json()["meta"][
            "model"
        ]
    poll(lambda: client.get(USAGE).json()["documents"] == 4, 10)
    (row,) = client.get(USAGE).json()["usage"]
    key = client.get("/api/v1/me/").json()["credential"]["key"]
    assert row == {
        "day": datetime.now(UTC).date().isoformat(),
        "key": key,
        "model": f"{model['name']}/{model['version']}",
        "requests": 2,
        "documents": 4,
    }


def test_only_the_days_asked_for_are_told(server, person, key_client):
    user, today = person(), datetime.now(UTC).date()
    for age in (0, 6, 7):
        Usage.objects.create(user=user, day=today - timedelta(days=age), requests=1, documents=10)
    body = key_client(user).get(USAGE, params={"days": 7}).json()
    assert body["documents"] == 20
    assert body["since"] == (today - timedelta(days=6)).isoformat()


def test_nobody_sees_the_usage_of_others(server, person, key_client):
    Usage.objects.create(user=person(), day=datetime.now(UTC).date(), requests=1, documents=10)
    assert key_client(person()).get(USAGE).json()["usage"] == []


@pytest.mark.parametrize("query", [{"days": 0}, {"days": 367}, {"days": "many"}, {"since": "x"}])
def test_bad_queries_are_400(server, person, key_client, query):
    response = key_client(person()).get(USAGE, params=query)
    assert response.status_code == 400
    assert error_of(response)["attr"] in {"days", "since"}


def test_what_cannot_be_written_is_kept_for_the_next_time(server, person, monkeypatch):
    user = person()
    recorder.usage_add(user_id=user.pk, key="k", model="m", documents=3)
    with monkeypatch.context() as patch:
        patch.setattr("accounts.activity._usage_write", lambda *_, **__: 1 / 0)
        recorder.flush()
    recorder.usage_add(user_id=user.pk, key="k", model="m", documents=4)
    recorder.flush()
    row = Usage.objects.get(user=user)
    assert (row.requests, row.documents) == (2, 7)
