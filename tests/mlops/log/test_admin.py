"""The request log and the drift page in the admin"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.test import Client

from accounts.models import AuditEvent
from mlops.log.privacy import text_seal
from mlops.models import DriftEvent, DriftHour, ModelVersion, Prediction
from tests.mlops.log.conftest import rows_of
from tests.waiting import PATIENCE

LIST = "/admin/mlops/prediction/"


@pytest.fixture
def browser(server, owner):
    session = Client()
    session.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        client.cookies.update({name: each.value for name, each in session.cookies.items()})
        yield client


@pytest.fixture
def row(member) -> Prediction:
    result = member.analyze(text="Thank you so much for everything").json()["results"][0]
    return rows_of([result["id"]])[result["id"]]


def found(browser: httpx.Client, row: Prediction, **query: str) -> bool:
    page = browser.get(LIST, params=query)
    assert page.status_code == 200, page.text[:500]
    return str(row.pk) in page.text


def test_it_works(browser, row):
    assert found(browser, row)
    page = browser.get(f"{LIST}{row.pk}/change/")
    assert page.status_code == 200
    assert page.text.count("<rect ") == 28
    assert "gratitude" in page.text
    assert 'name="_save"' not in page.text
    assert browser.get(f"{LIST}add/").status_code == 403
    assert browser.get(f"{LIST}{row.pk}/delete/").status_code == 403


def test_filters_narrow(browser, row):
    version = str(row.version_id)
    assert found(browser, row, label="gratitude", key=row.key_id, version=version, period="1")
    assert not found(browser, row, label="anger")
    assert not found(browser, row, outcome="failed")
    assert not found(browser, row, outcome="unsure")
    assert not found(browser, row, period="2019-03")
    assert found(browser, row, period=f"{row.created_at:%Y-%m}")
    assert found(browser, row, period="nonsense")


def test_search_finds_an_id_in_whatever_month(browser, row):
    assert found(browser, row, q=str(row.pk))
    assert not found(browser, row, q="gratitude")


def test_a_wrong_id_is_not_found(browser):
    for wrong in ("x", "00000000-0000-0000-0000-000000000000"):
        assert browser.get(f"{LIST}{wrong}/change/").status_code == 302


def test_a_kept_text_is_shown_to_whoever_asks_and_written_down(browser, owner, row):
    assert "not kept" in browser.get(f"{LIST}{row.pk}/change/").text
    Prediction.objects.by_id(row.pk).update(text=text_seal("between you and me"))
    page = browser.get(f"{LIST}{row.pk}/change/")
    assert "between you and me" not in page.text
    assert re.search(r'href="\?text=1"', page.text)
    assert "between you and me" in browser.get(f"{LIST}{row.pk}/change/?text=1").text
    event = AuditEvent.objects.get(action="prediction_text_read", target=str(row.pk))
    assert event.actor_id == owner.user.pk


def test_the_drift_page_draws_each_version(browser, server):
    version = ModelVersion.objects.order_by("pk").last()
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in (2, 50):
        labels = {"joy": 900, "anger": 600} if hours == 2 else {"joy": 500, "anger": 1000}
        DriftHour.objects.create(
            version_id=version.pk,
            hour=now - timedelta(hours=hours),
            documents=1500,
            labels=labels,
            confidence=[75] * 20,
            lengths=[0] * 4 + [375] * 4 + [0] * 8,
        )
    page = browser.get("/admin/mlops/drifthour/")
    DriftHour.objects.all().delete()
    assert page.status_code == 200
    assert str(version) in page.text
    assert "shifted" in page.text
    assert page.text.count("<svg") >= 3


def test_events_are_listed(browser, server):
    DriftEvent.objects.create(
        version_id=0, measure="labels_psi", value=0.4, threshold=0.2, documents=5000
    )
    page = browser.get("/admin/mlops/driftevent/")
    DriftEvent.objects.all().delete()
    assert "labels: population stability index" in page.text


@pytest.mark.parametrize("page", ["usagehour", "logexport", "logarchive"])
def test_the_other_pages_open(browser, row, page):
    assert browser.get(f"/admin/mlops/{page}/").status_code == 200
