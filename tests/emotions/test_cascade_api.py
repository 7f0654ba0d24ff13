"""A cascade that serves, over HTTP"""

from __future__ import annotations

import re

import numpy as np
import pytest

from mlops.evaluation.behaviour.suite import behaviour_texts
from mlops.inference.cascade import doubt
from mlops.inference.classifier import Classifier
from mlops.selectors import version_serving
from mlops.services.versions import version_promote
from tests.waiting import wait_for

TEXTS = behaviour_texts()[1::9]
CURRENT = "/api/v1/models/current"


@pytest.fixture(autouse=True)
def database(django_db_blocker):
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="module")
def promoted(server, owner, cascade, django_db_blocker):
    """The cascade serves for this file's tests."""

    def served() -> str:
        return owner.client.get(CURRENT).json()["digest"]

    with django_db_blocker.unblock():
        before = version_serving()
        url = f"/api/v1/models/{cascade.model.name}/{cascade.number}/promote/"
        # Other tests may have registered what the gates would ask for.
        body = {"reason": "a test of cascades", "force": True}
        response = owner.client.post(url, json=body)
        assert response.status_code == 200, response.text
        wait_for(lambda: served() == cascade.digest)
        yield cascade
        version_promote(version=before, actor=owner.user, force=True, reason="as before")
        wait_for(lambda: served() == before.digest)


def counted(client) -> dict[str, float]:
    pattern = r'^valence_cascade_texts_total\{model="(\w+)",version="[^"]+"\} (\S+)'
    found = re.findall(pattern, client.get("/metrics").text, re.MULTILINE)
    return {model: float(value) for model, value in found}


def test_it_works(promoted, member, cascade_folder):
    small, full = (Classifier.load(cascade_folder / part) for part in ("small", "full"))
    before = counted(member.client)
    handed_on = 0
    for text in TEXTS:
        answer = member.analyze(text=text).json()
        assert answer["meta"]["model"]["digest"] == promoted.digest
        scores = np.array([*answer["results"][0]["scores"].values()])
        own = small.predict([text])
        over = bool(doubt(own, full.calibrator.thresholds)[0] > promoted.cascade["bound"])
        right = full.predict([text]) if over else own
        assert scores == pytest.approx(right[0], abs=1e-3)
        handed_on += over
    after = counted(member.client)
    assert 0 < handed_on < len(TEXTS)
    assert after["full"] - before.get("full", 0) == handed_on
    assert after["small"] - before.get("small", 0) == len(TEXTS) - handed_on


def test_what_serves_says_that_it_is_a_cascade(promoted, member, owner):
    current = member.client.get(CURRENT).json()
    assert (current["format"], current["precision"]) == ("cascade", "int8")
    url = f"/api/v1/models/{promoted.model.name}/{promoted.number}/"
    version = owner.client.get(url).json()
    assert version["format"] == "cascade"
    assert version["cascade"]["small"] == promoted.cascade["small"]
    assert version["cascade"]["bound"] == promoted.cascade["bound"]
    full = promoted.cascade["full"]["version"].replace(":", "/")
    assert owner.client.get(f"/api/v1/models/{full}/").json()["cascade"] is None


def test_known_texts_are_not_counted_again(promoted, member):
    member.analyze(texts=TEXTS)
    before = counted(member.client)
    assert all(result["cached"] for result in member.analyze(texts=TEXTS).json()["results"])
    assert counted(member.client) == before


def test_an_export_of_it_is_refused(promoted, owner):
    url = f"/api/v1/models/{promoted.model.name}/{promoted.number}/export/"
    response = owner.client.post(url, json={})
    assert response.status_code == 400
    assert "is a cascade" in response.text
