"""``/api/v1/models/``: the registry for programs"""

from __future__ import annotations

import io
import json
import zipfile
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from mlops.models import ModelVersion
from mlops.selectors import version_serving
from tests.mlops.inference.models import huggingface_folder
from tests.waiting import PATIENCE, wait_for

MODELS = "/api/v1/models/"


@pytest.fixture(autouse=True)
def database(django_db_blocker):
    with django_db_blocker.unblock():
        yield


def zipped(folder) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return packed.getvalue()


def done(actor, response) -> dict:
    assert response.status_code == 202, response.text

    def job() -> dict:
        return actor.client.get(response.headers["Location"]).json()

    wait_for(lambda: job()["status"] in ("succeeded", "failed"), job)
    return job()


def error(response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


@pytest.fixture(scope="module")
def moods(tmp_path_factory):
    return huggingface_folder(tmp_path_factory.mktemp("moods"), "distilbert", multi_label=False)


def scores_once_loaded(actor, model: str) -> dict[str, float]:
    answers = [actor.analyze(text="Good day", model=model)]

    def loaded() -> bool:
        answers.append(actor.analyze(text="Good day", model=model))
        return answers[-1].status_code != 503

    wait_for(loaded, lambda: answers[-1].text)
    return answers[-1].json()["results"][0]["scores"]


def test_it_works(owner, moods):
    files = {"archive": ("moods.zip", zipped(moods))}
    form = {"name": "api-moods", "task": "mood", "label_map": '{"joy": "gladness"}'}
    job = done(owner, owner.client.post(MODELS, files=files, data=form))
    assert (job["status"], job["result"]) == ("succeeded", "api-moods:1")
    version = owner.client.get(f"{MODELS}api-moods/1/").json()
    assert version["label_map"] == {"joy": "gladness"}
    assert (version["activation"], version["task"], version["status"]) == (
        *("softmax", "mood", "validated"),
    )
    assert "api-moods:1" in {
        each["version"] for each in owner.client.get(MODELS).json()["versions"]
    }
    scores = scores_once_loaded(owner, "api-moods:1")
    assert set(version["labels"]) - set(scores) == {"joy"}
    assert set(scores) - set(version["labels"]) == {"gladness"}
    url = f"{MODELS}api-moods/1/"
    aliased = owner.client.post(f"{url}alias/", json={"name": "challenger"}).json()
    assert aliased["aliases"] == ["challenger"]
    assert owner.client.post(f"{url}archive/", json={}).json()["status"] == "archived"
    assert error(owner.client.post(f"{url}promote/", json={})) == (409, "illegal_transition")
    assert owner.client.post(f"{url}restore/", json={}).json()["status"] == "validated"
    assert owner.client.delete(url).status_code == 204
    assert owner.client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("evil.zip", {"../config.json": "{}"}, "archive_refused"),
        ("pickle.zip", {"config.json": "{}", "pytorch_model.bin": "x"}, "pickle_refused"),
        ("empty.zip", {"config.json": "{}"}, "artifact_corrupt"),
    ],
)
def test_an_archive_that_is_no_model_is_named_and_leaves_nothing(owner, name, content, code):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member, text in content.items():
            archive.writestr(member, text)
    before = ModelVersion.objects.count()
    response = owner.client.post(MODELS, files={"archive": (name, packed.getvalue())})
    job = done(owner, response)
    assert (job["status"], job["error_code"]) == ("failed", code)
    assert ModelVersion.objects.count() == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"folder": "../../etc"}, 400, "source_not_found"),
        ({"repository": "team/mood", "revision": "main"}, 400, "hub_error"),
        ({"repository": "a/b", "folder": "c"}, 400, "invalid"),
        ({"weights": "x"}, 400, "unknown_field"),
    ],
)
def test_what_cannot_be_registered_is_refused_at_once(owner, body, status, code):
    assert error(owner.client.post(MODELS, json=body)) == (status, code)


def test_an_upload_past_the_limit_is_refused_unread(owner, server):
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENCE)
    connection.putrequest("POST", MODELS)
    connection.putheader("X-API-Key", owner.key)
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", "2000000000")
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["errors"][0]["code"] == "upload_too_large"
    connection.close()


def test_what_serves_cannot_be_deleted_and_force_needs_a_reason(owner):
    serving = version_serving()
    url = f"{MODELS}{serving.model.name}/{serving.number}/"
    assert error(owner.client.delete(url)) == (409, "version_serves")
    forced = {"force": True}
    other = ModelVersion.objects.exclude(pk=serving.pk).filter(status="validated").first()
    url = f"{MODELS}{other.model.name}/{other.number}/"
    assert error(owner.client.post(f"{url}promote/", json=forced)) == (403, "force_refused")
    assert version_serving() == serving
