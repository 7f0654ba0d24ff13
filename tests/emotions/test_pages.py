"""The start page, the API docs and the metrics"""

from __future__ import annotations

import re

import pytest
import yaml

from tests.waiting import wait_for


def test_it_works(stranger):
    page = stranger.client.get("/")
    assert page.status_code == 200
    assert "<h1>Valence</h1>" in page.text
    assert "API key" in page.text


@pytest.mark.parametrize("url", ["/", "/api/docs/", "/admin/login/"])
def test_a_page_needs_nothing_from_elsewhere_and_no_inline_code(stranger, url):
    page = stranger.client.get(url)
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    # The admin's library needs eval and inline styles; a script within a page runs nowhere.
    scripts = re.search("script-src ([^;]*)", policy).group(1)
    assert "'unsafe-inline'" not in scripts
    assert url.startswith("/admin/") or "unsafe" not in policy
    references = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert [link for link in references if link.startswith(("http", "//"))] == []
    for link in references:
        if link.startswith("/static/"):
            assert stranger.client.get(link).status_code == 200, link
    assert not re.search(r"<script(?![^>]*src)", page.text)
    assert url.startswith("/admin/") or "<style" not in page.text


@pytest.mark.parametrize("url", ["/", "/admin/login/"])
def test_a_page_names_its_icon(stranger, url):
    page = stranger.client.get(url).text
    (icon,) = re.findall(r'<link rel="icon" href="([^"]+)"', page)
    assert stranger.client.get(icon).headers["Content-Type"] == "image/svg+xml"


def test_a_browser_finds_an_icon_where_a_page_names_none(stranger):
    answer = stranger.client.get("/favicon.ico", follow_redirects=True)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")


def test_the_schema_is_openapi_3_1_and_lists_the_endpoints(stranger):
    schema = yaml.safe_load(stranger.client.get("/api/v1/schema/").text)
    assert schema["openapi"].startswith("3.1")
    assert "/api/v1/emotions/analyze" in schema["paths"]


def test_metrics_count_predictions_stages_and_cache(stranger, member):
    member.analyze(text="Thank you, metrics!")
    member.analyze(text="Thank you, metrics!")
    names = (
        'valence_predictions_total{emotion="gratitude"',
        'valence_cache_total{outcome="hit"}',
        'valence_cache_total{outcome="miss"}',
        'valence_stage_seconds_count{stage="tokenise"}',
        'valence_stage_seconds_count{stage="queue"}',
        'valence_stage_seconds_count{stage="infer"}',
        "valence_queue_depth",
        "django_http_requests_total_by_method_total",
    )

    def missing() -> list[str]:
        text = stranger.client.get("/metrics").text
        return [name for name in names if name not in text]

    # Another worker's are there a moment later.
    wait_for(lambda: not missing(), lambda: f"never seen: {missing()}")
