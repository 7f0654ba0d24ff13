"""POST /api/v1/feedback/"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from mlops.log.ids import ids_make
from mlops.models import Feedback, Prediction
from mlops.rollouts.constants import FEEDBACK_DAYS
from tests.waiting import wait_for

URL = "/api/v1/feedback/"


@pytest.fixture(scope="module", autouse=True)
def _database(django_db_blocker):
    with django_db_blocker.unblock():
        yield


def predicted(actor, text: str = "Thank you so much", **body) -> str:
    """The id of a prediction that is in the log."""
    answer = actor.analyze(text=text, **body).json()
    key = UUID(answer["results"][0]["id"])
    wait_for(Prediction.objects.by_id(key).all().exists)
    return str(key)


def give(actor, prediction: str, **body):
    return actor.client.post(URL, json={"prediction": prediction, **body})


def problem(response) -> tuple[int, str, str | None]:
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error["attr"]


def test_it_works(member):
    key = predicted(member, subject="ann")
    response = give(member, key, labels=["gratitude"], comment="right")
    assert response.status_code == 201
    body = response.json()
    assert (body["agrees"], body["labels"], body["prediction"]) == (True, ["gratitude"], key)
    kept = Feedback.objects.get(pk=body["id"])
    row = Prediction.objects.by_id(UUID(key)).get()
    assert (kept.version_id, kept.subject_hash) == (row.version_id, row.subject_hash)
    assert kept.predicted_at == row.created_at


def test_other_labels_disagree(member):
    assert not give(member, predicted(member), labels=["anger"]).json()["agrees"]
    assert not give(member, predicted(member), labels=[]).json()["agrees"]


@pytest.mark.parametrize(("thumbs", "agrees"), [("up", True), ("down", False)])
def test_thumbs(member, thumbs, agrees):
    body = give(member, predicted(member), thumbs=thumbs, weight=2).json()
    assert (body["agrees"], body["labels"], body["weight"]) == (agrees, None, 2)


def test_the_first_word_counts(member):
    key = predicted(member)
    assert give(member, key, thumbs="up").status_code == 201
    assert problem(give(member, key, thumbs="down")) == (409, "feedback_given", None)
    assert Feedback.objects.get(prediction_id=key).agrees


def test_an_unknown_prediction(member):
    for key in (str(UUID(bytes=ids_make(1)[0])), "12345678-1234-4234-8234-123456789012"):
        assert problem(give(member, key, thumbs="up")) == (404, "prediction_unknown", None)


def test_somebody_elses_prediction_is_as_unknown_as_none(member, owner):
    key = predicted(member)
    assert problem(give(owner, key, thumbs="up")) == (404, "prediction_unknown", None)


def test_a_prediction_of_long_ago(member):
    moment = timezone.now() - timedelta(days=FEEDBACK_DAYS, minutes=1)
    key = str(UUID(bytes=ids_make(1, int(moment.timestamp() * 1000))[0]))
    assert problem(give(member, key, thumbs="up")) == (404, "prediction_too_old", None)


def test_labels_that_the_version_does_not_have(member):
    response = give(member, predicted(member), labels=["gratitude", "hunger", "boredom"])
    assert problem(response) == (400, "labels_unknown", "labels")
    assert "boredom, hunger" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "required", "labels"),
        ({"thumbs": "up", "labels": []}, "mutually_exclusive", "labels"),
        ({"thumbs": "sideways"}, "invalid_choice", "thumbs"),
        ({"thumbs": "up", "weight": 0}, "min_value", "weight"),
        ({"thumbs": "up", "mood": "good"}, "unknown_field", "mood"),
        ({"thumbs": "up", "prediction": "seven"}, "invalid", "prediction"),
    ],
    ids=str,
)
def test_bad_input_is_named(member, body, code, attr):
    key = str(UUID(bytes=ids_make(1)[0]))
    assert problem(give(member, **{"prediction": key} | body)) == (400, code, attr)
