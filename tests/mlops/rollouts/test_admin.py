"""Rollouts in the admin, as somebody clicks them"""

from __future__ import annotations

import re

import httpx
import pytest

from mlops.models import ModelJob, Prediction, Rollout
from mlops.selectors import version_serving
from mlops.services.versions import version_register
from tests.waiting import PATIENCE, wait_for

LIST = "/admin/mlops/rollout/"


@pytest.fixture(scope="module", autouse=True)
def _database(django_db_blocker):
    with django_db_blocker.unblock():
        yield


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


def post(client: httpx.Client, url: str, **data) -> httpx.Response:
    data["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
    return client.post(url, data=data, headers={"Referer": str(client.base_url)})


@pytest.fixture
def form(second_folder) -> dict[str, str]:
    challenger = version_register(folder=second_folder)
    return {
        "name": "clicked",
        "champion": str(version_serving().pk),
        "challenger": str(challenger.pk),
        "share": "0.05",
        "sample": "1",
        "unit": "subject",
        # A tier that nobody of the tests is in.
        "scopes": "tier:free",
    }


def test_it_works(browser, form):
    page = post(browser, f"{LIST}add/", **form)
    assert "clicked is a draft now." in page.text
    rollout = Rollout.objects.get(name="clicked")
    url = f"{LIST}{rollout.pk}/change/"
    assert "clicked runs." in post(browser, url, action="start", reason="go").text
    ramped = post(browser, url, action="ramp", arm="challenger", share="0.25")
    assert "challenger has 25.0% now" in ramped.text
    paused = post(browser, url, action="pause", arm="challenger", reason="looks odd")
    assert "looks odd" in paused.text
    assert "has its callers back" in post(browser, url, action="resume", arm="challenger").text
    assert "production answers everybody" in post(browser, url, action="pause", arm="").text
    assert "production stays" in post(browser, url, action="conclude", winner="").text
    page = browser.get(url)
    assert "Not every live arm has answered since the weights changed." in page.text
    for word in ("Created", "Started", "Ramped", "Arm paused", "Arm resumed", "Concluded"):
        assert f"<td>{word}</td>" in page.text
    assert 'name="action"' not in page.text
    assert re.search(r"clicked</a>", browser.get(LIST).text)


def test_what_is_wrong_is_said_on_the_page(browser, form):
    page = post(browser, f"{LIST}add/", **form | {"name": "wrong", "scopes": "tier:gold"})
    assert "There is no scope &#x27;tier:gold&#x27;" in page.text
    assert not Rollout.objects.filter(name="wrong").exists()
    post(browser, f"{LIST}add/", **form | {"name": "clicked-again"})
    url = f"{LIST}{Rollout.objects.get(name='clicked-again').pk}/change/"
    for step, said in (
        ({"action": "conclude"}, "is draft, not running or paused"),
        ({"action": "ramp", "arm": "challenger", "share": "much"}, "A share is a number"),
        ({"action": "ramp", "arm": "challenger", "share": "7"}, "A share is from 0 to below 1"),
        ({"action": "dance"}, "There is no such step"),
    ):
        assert said in post(browser, url, **step).text


def test_the_planner_is_on_the_form(browser):
    query = {"baseline": "0.8", "effect": "0.03", "power": "0.8", "plan_share": "0.5"}
    page = browser.get(f"{LIST}add/", params=query | {"outcome": "agreement"})
    assert "answers with an outcome" in page.text
    page = browser.get(f"{LIST}add/", params=query | {"baseline": "3", "outcome": "agreement"})
    assert "baseline must be between 0 and 1" in page.text


def test_a_replay_is_asked_for_on_the_page_of_a_version(browser, member):
    version = version_serving()
    Prediction.objects.update(text=None)
    url = f"/admin/mlops/modelversion/{version.pk}/replay/"
    assert "Ask about the kept texts" in browser.get(url).text
    page = post(browser, url, hours="0.01")
    assert "/admin/mlops/modeljob/" in str(page.url)
    job = ModelJob.objects.get(kind="replay", version=version)

    def is_done() -> bool:
        job.refresh_from_db()
        return job.is_done

    wait_for(is_done)
    # Texts are not kept by default, and it says so.
    assert (job.status, job.error_code) == ("failed", "nothing_to_replay")
    assert "TEXT_LOGGING" in job.error


def test_feedback_and_events_are_listed(browser):
    assert browser.get("/admin/mlops/feedback/").status_code == 200
    assert browser.get("/admin/mlops/rolloutevent/").status_code == 200


def test_a_page_of_nothing(browser):
    assert browser.get(f"{LIST}999999/change/").status_code == 404
    assert browser.get(f"{LIST}abc/change/").status_code == 404
