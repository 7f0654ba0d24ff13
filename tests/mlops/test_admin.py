"""Model operations from the admin alone, with the worker of a real server"""

from __future__ import annotations

import html
import re
import shutil

import httpx
import pytest

from mlops.constants import JobStatus, Status
from mlops.inference.huggingface import artifact_adopt
from mlops.models import Dataset, ModelEvent, ModelJob, ModelVersion
from mlops.selectors import version_serving
from mlops.services.versions import version_register
from tests.mlops.inference.models import LABELS, huggingface_folder
from tests.waiting import PATIENCE, wait_for

LIST = "/admin/mlops/modelversion/"
HEAD = "text,labels\n"
ROWS = "good day,joy\nbad day,anger\nwhat a day,neutral\ni am sad,anger|neutral\n"


@pytest.fixture(scope="module")
def browser(server, owner):
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=PATIENCE) as client:
        client.get("/admin/login/")
        post(
            client,
            "/admin/login/?next=/admin/",
            username=owner.user.email,
            password="owner-password",
        )
        yield client


def post(client: httpx.Client, url: str, files=None, **data) -> httpx.Response:
    data["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
    return client.post(url, data=data, files=files, headers={"Referer": str(client.base_url)})


def done(page: httpx.Response) -> ModelJob:
    """The job whose page this is, once it is done."""
    job = ModelJob.objects.get(pk=int(re.search(r"/modeljob/(\d+)/", str(page.url)).group(1)))

    def is_done() -> bool:
        job.refresh_from_db()
        return job.is_done

    wait_for(is_done, lambda: job.log)
    return job


def words(page: httpx.Response) -> str:
    return html.unescape(page.text)


@pytest.fixture(scope="module")
def tiny(browser, server, tmp_path_factory, django_db_blocker):
    """A model of three labels, registered from a local folder."""
    with django_db_blocker.unblock():
        huggingface_folder(server.data_dir / "import" / "tiny-moods", "bert")
        page = post(browser, f"{LIST}add/", folder="tiny-moods", task="mood")
        job = done(page)
        assert job.status == JobStatus.SUCCEEDED, job.error
        yield job.result
        Dataset.objects.filter(name="moods").update(reference=False)


@pytest.fixture(autouse=True)
def database(django_db_blocker):
    with django_db_blocker.unblock():
        yield


def test_it_works(browser, tiny):
    """Register, measure, export, compare, promote, roll back: a model's whole way."""
    before = version_serving()
    page = browser.get(f"{LIST}{tiny.pk}/change/")
    assert "tiny-moods v1 (safetensors fp32)" in page.text
    exported = done(post(browser, f"{LIST}{tiny.pk}/export/", **EXPORT)).result
    assert exported.report["within_tolerance"]
    files = {"file": ("moods.csv", HEAD + ROWS * 5)}
    page = post(browser, "/admin/mlops/dataset/add/", files=files, name="moods", split="test")
    assert "moods:test has 20 rows" in words(page)
    dataset = Dataset.objects.get(name="moods")
    assert dataset.reference
    refused = post(browser, f"{LIST}{exported.pk}/promote/")
    assert "is not evaluated on moods:test yet" in words(refused)
    for version in (tiny, exported):
        job = done(post(browser, f"{LIST}{version.pk}/evaluate/", dataset=dataset.pk))
        assert job.status == JobStatus.SUCCEEDED, job.error
        assert job.evaluation.memory
    compared = words(
        browser.get(
            f"{LIST}{exported.pk}/compare/", params={"champion": tiny.pk, "dataset": dataset.pk}
        )
    )
    assert "20 rows of moods:test, 3 labels" in compared
    forced = post(browser, f"{LIST}{exported.pk}/promote/", force="on", reason="a test")
    assert "serves now" in words(forced)
    assert version_serving() == exported
    event = ModelEvent.objects.filter(version=exported, action="promoted").first()
    assert (event.reason, event.detail["forced"], event.detail["before"]) == (
        *("a test", True, before.name),
    )
    back = post(browser, f"{LIST}{exported.pk}/rollback/", reason="and back")
    assert f"{before} serves now" in words(back)
    for page in ("modeljob", "modelevent", "evaluation", "promotiongate", "model"):
        assert browser.get(f"/admin/mlops/{page}/").status_code == 200, page
    assert f"/modelversion/{exported.pk}/" in browser.get(f"{LIST}{tiny.pk}/change/").text


def test_the_page_of_a_cascade_says_what_it_is_made_of(browser, cascade):
    page = words(browser.get(f"{LIST}{cascade.pk}/change/"))
    assert "cascade int8" in page
    for part in ("small", "full"):
        made = cascade.cascade[part]
        assert f"{made['version']}, {made['digest']}" in page
    assert f"/{cascade.pk}/export/" not in page
    assert "cascade" in words(browser.get(f"{LIST}?format__exact=cascade"))


EXPORT = {"precision": "fp32", "optimize": "none", "opset": 18, "exporter": "optimum-onnx"}


def test_what_serves_is_neither_archived_nor_deleted(browser):
    serving = version_serving()
    for page in ("archive", "remove"):
        refused = words(post(browser, f"{LIST}{serving.pk}/{page}/"))
        assert f"{serving} serves; promote another version first" in refused
    assert version_serving() == serving


def test_a_version_is_archived_restored_and_deleted(browser, server, tiny, tmp_path):
    source = server.data_dir / "import" / "tiny-moods"
    artifact_adopt(source, tmp_path / "copy", name="copy")
    copy = version_register(folder=tmp_path / "copy")
    for page, status in (("archive", Status.ARCHIVED), ("restore", Status.VALIDATED)):
        post(browser, f"{LIST}{copy.pk}/{page}/", reason="tidy")
        copy.refresh_from_db()
        assert copy.status == status
    post(browser, f"{LIST}{copy.pk}/remove/", reason="no more")
    assert browser.get(f"{LIST}{copy.pk}/change/").status_code == 404
    assert copy.events.filter(action="deleted", reason="no more").exists()
    # Its weights are those of tiny-moods, which are still there.
    artifact = browser.get(f"{LIST}{tiny.pk}/download/")
    assert artifact.headers["Content-Type"] == "application/zip"


def test_a_downloaded_version_can_be_uploaded_again(browser, tiny):
    archive = browser.get(f"{LIST}{tiny.pk}/download/").content
    job = done(post(browser, f"{LIST}add/", files={"archive": ("again.zip", archive)}))
    assert job.result == tiny


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({}, "Give one source"),
        ({"repository": "team/mood", "revision": "main"}, "revision 'main' can move"),
        ({"folder": "../secret"}, "Select a valid choice"),
        ({"folder": "tiny-moods", "label_map": "{"}, "the label map is not JSON"),
    ],
)
def test_what_cannot_be_registered_is_said_in_the_form(browser, tiny, form, message):
    page = post(browser, f"{LIST}add/", **form)
    assert page.status_code == 200
    assert message in words(page)


def test_a_model_that_cannot_be_used_is_named_and_leaves_nothing(browser, server):
    folder = huggingface_folder(server.data_dir / "import" / "no-words", "bert")
    (folder / "tokenizer.json").unlink()
    job = done(post(browser, f"{LIST}add/", folder="no-words"))
    assert (job.status, job.error_code) == (JobStatus.FAILED, "tokenizer_missing")
    assert "no usable tokeniser" in words(browser.get(f"/admin/mlops/modeljob/{job.pk}/live/"))
    assert not ModelVersion.objects.filter(model__name="no-words").exists()
    shutil.rmtree(folder)


def test_a_promotion_is_served_without_a_restart(browser, owner, second_folder):
    before = version_serving()
    child = version_register(folder=second_folder)
    post(browser, f"{LIST}{child.pk}/promote/", force="on", reason="a test")
    serve_digest(owner, child.digest)
    answered = owner.analyze(text="Thank you, new version").json()["meta"]["model"]["digest"]
    assert answered == child.digest
    post(browser, f"{LIST}{child.pk}/rollback/")
    serve_digest(owner, before.digest)


def serve_digest(actor, digest: str) -> None:
    """Wait until the server answers with the version of *digest*."""
    wait_for(lambda: actor.client.get("/api/v1/models/current").json()["digest"] == digest)


def test_the_pages_need_nobody_else_and_say_nothing_to_strangers(browser, server, tiny):
    assert LABELS[0] in browser.get(f"{LIST}{tiny.pk}/change/").text
    for url in (LIST, f"{LIST}{tiny.pk}/change/", f"{LIST}{tiny.pk}/download/"):
        assert httpx.get(f"{server.url}{url}", timeout=PATIENCE).status_code == 302
