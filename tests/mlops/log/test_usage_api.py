"""``GET /api/v1/me/usage/``: from the hours that the log's writer keeps"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from mlops.models import UsageHour
from tests.mlops.log.conftest import rows_of
from tests.waiting import clear_of_midnight

USAGE = "/api/v1/me/usage/"


@pytest.fixture(autouse=True)
def _one_day() -> None:
    clear_of_midnight()


def hours_add(user_id: uuid.UUID, *days_ago: int) -> None:
    for age in days_ago:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=age)
        UsageHour.objects.create(user_id=user_id, hour=hour, requests=1, documents=10)


def test_it_works(newcomer):
    ids = []
    for texts in (["a"], ["a", "b", "c"]):
        answer = newcomer.client.post("/api/v1/emotions/analyze", json={"texts": texts}).json()
        ids += [each["id"] for each in answer["results"]]
    rows_of(ids)
    body = newcomer.client.get(USAGE).json()
    model = answer["meta"]["model"]
    (row,) = body["usage"]
    assert row["day"] == datetime.now(UTC).date().isoformat()
    assert row["key"] == newcomer.key.split("_")[1]
    assert row["model"] == f"{model['name']}/{model['version']}"
    assert (row["requests"], row["documents"], row["characters"]) == (2, 4, 4)
    assert body["documents"] == 4


def test_hours_add_up_to_days(newcomer):
    hours_add(newcomer.user.pk, 0, 1)
    by_hour = newcomer.client.get(USAGE, params={"by": "hour"}).json()
    by_day = newcomer.client.get(USAGE).json()
    assert by_hour["documents"] == by_day["documents"] == 20
    assert [row["day"] for row in by_day["usage"]] == [row["day"] for row in by_hour["usage"]]


def test_only_the_days_asked_for_are_told(newcomer):
    hours_add(newcomer.user.pk, 0, 6, 7)
    body = newcomer.client.get(USAGE, params={"days": 7}).json()
    assert body["documents"] == 20
    assert body["since"] == (datetime.now(UTC).date() - timedelta(days=6)).isoformat()


def test_nobody_sees_the_usage_of_others(newcomer):
    hours_add(uuid.uuid4(), 0)
    assert newcomer.client.get(USAGE).json()["usage"] == []


@pytest.mark.parametrize(
    "query", [{"days": 0}, {"days": 367}, {"days": "many"}, {"since": "x"}, {"by": "year"}]
)
def test_bad_queries_are_400(newcomer, query):
    response = newcomer.client.get(USAGE, params=query)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["attr"] in {"days", "since", "by"}
