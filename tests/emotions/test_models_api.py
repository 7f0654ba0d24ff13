"""GET /api/v1/emotions/labels and /api/v1/models/current"""

from __future__ import annotations

import pytest

LABELS, CURRENT = "/api/v1/emotions/labels", "/api/v1/models/current"


def test_it_works(member):
    body = member.client.get(LABELS).json()
    assert len(body["labels"]) == 28
    assert body["taxonomies"] == ["goemotions", "ekman", "sentiment"]
    gratitude = next(label for label in body["labels"] if label["label"] == "gratitude")
    assert (gratitude["ekman"], gratitude["sentiment"]) == ("joy", "positive")
    assert 0 < gratitude["threshold"] < 1


def test_every_label_belongs_to_a_group(member):
    labels = member.client.get(LABELS).json()["labels"]
    assert [
        label["label"] for label in labels if not label["ekman"] or not label["sentiment"]
    ] == []


def test_the_current_model_is_the_one_that_answers(member):
    current = member.client.get(CURRENT).json()
    answered = member.analyze(text="Who are you?").json()["meta"]["model"]
    assert {key: current[key] for key in answered} == answered
    assert (current["format"], current["precision"]) == ("onnx", "int8")
    assert current["labels"] == 28


@pytest.mark.parametrize("url", [LABELS, CURRENT])
def test_stranger_is_refused(stranger, url):
    assert stranger.client.get(url).status_code == 401
