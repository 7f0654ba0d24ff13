"""Log lines carry the request's id, and probes do not fill the log"""

from __future__ import annotations

import re

from tests.waiting import wait_for


def test_it_works(member, server):
    member.client.post("/api/v1/emotions/analyze", json={}, headers={"X-Request-ID": "find-me-42"})
    line = re.compile(r"WARNING django.request \[find-me-42\] Bad Request")
    wait_for(lambda: line.search(server.log.read_text(errors="replace")))


def test_a_probe_that_is_refused_leaves_no_line(server):
    assert "Unavailable: /health/ready" not in server.log.read_text()
