"""Versions in the admin, and the export that the worker runs"""

from __future__ import annotations

import re
import time

import httpx
import pytest

from emotions.setup import PRETRAINED
from mlops.inference.artifact import artifact_verify
from mlops.models import ModelVersion

LIST = "/admin/mlops/modelversion/"
SECONDS = 90


@pytest.fixture(scope="module")
def browser(server, owner):
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=30) as client:
        client.get("/admin/login/")
        post(
            client,
            "/admin/login/?next=/admin/",
            username=owner.user.email,
            password="owner-password",
        )
        yield client


def post(client: httpx.Client, url: str, **data) -> httpx.Response:
    data["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
    return client.post(url, data=data, headers={"Referer": str(client.base_url)})


def test_it_works(browser):
    page = browser.get(LIST)
    assert page.status_code == 200
    assert "valence-minilm v1 (safetensors fp16)" in page.text
    assert "production" in page.text


def test_versions_are_read_only(browser):
    (pk,) = re.findall(r"modelversion/(\d+)/change[^>]*>valence-minilm v1", browser.get(LIST).text)
    page = browser.get(f"{LIST}{pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.text
    assert browser.get(f"{LIST}add/").status_code == 403


def test_an_export_asked_for_in_the_admin_is_made_by_the_worker(browser, django_db_blocker):
    with django_db_blocker.unblock():
        parent = ModelVersion.objects.get(digest=artifact_verify(PRETRAINED).digest)
        page = post(browser, LIST, action="export_fp32", _selected_action=str(parent.pk))
        assert "1 exports were queued" in page.text
        deadline = time.monotonic() + SECONDS
        while not parent.exports.filter(precision="fp32").exists():
            assert time.monotonic() < deadline, "no export appeared"
            time.sleep(0.2)
        child = parent.exports.get(precision="fp32")
        assert child.manifest["provenance"]["parity"]["max_difference"] < 1e-4


def current(actor) -> str:
    return actor.client.get("/api/v1/models/current").json()["digest"]


def serve_digest(actor, digest: str) -> None:
    """Wait until the server answers with the version of *digest*."""
    deadline = time.monotonic() + SECONDS
    while current(actor) != digest:
        assert time.monotonic() < deadline, "the version was not swapped in"
        time.sleep(0.05)


def test_a_promotion_is_served_without_a_restart_and_rolled_back(browser, owner, django_db_blocker):
    before = current(owner)
    with django_db_blocker.unblock():
        child = ModelVersion.objects.get(precision="fp32", format="onnx")
    assert "serves now" in post(browser, LIST, action="promote", _selected_action=child.pk).text
    serve_digest(owner, child.digest)
    assert owner.analyze(text="Thank you, new version").json()["meta"]["model"]["digest"] == (
        child.digest
    )
    assert "serves now" in post(browser, LIST, action="roll_back", _selected_action=child.pk).text
    serve_digest(owner, before)
    events = browser.get("/admin/mlops/modelevent/").text
    assert "Promoted" in events
    assert "Rolled back to" in events


def test_two_versions_cannot_be_promoted_at_once(browser, django_db_blocker):
    with django_db_blocker.unblock():
        keys = list(ModelVersion.objects.values_list("pk", flat=True)[:2])
    page = post(browser, LIST, action="promote", _selected_action=keys)
    assert "Select one version." in page.text


def test_an_onnx_version_is_not_exported_again(browser, django_db_blocker):
    with django_db_blocker.unblock():
        version = ModelVersion.objects.filter(format="onnx").first()
    page = post(browser, LIST, action="export_int8", _selected_action=str(version.pk))
    assert "export their parent" in page.text
