"""The benchmark's own measuring: its client, its figures, its report"""

from __future__ import annotations

import itertools
from urllib.parse import urlsplit

import orjson
import pytest
from django.core.management import CommandError, call_command

from emotions.benchmarks.client import Target, closed_loop, open_loop, post
from emotions.benchmarks.figures import Figure, Suite, percentile, spread
from emotions.benchmarks.http import zipf
from emotions.benchmarks.report import BEGIN, END, report_make, report_write
from emotions.benchmarks.server import ANALYZE

SUITE = Suite("small", "A note.", [Figure("f", "ms", {"a": [2.0, 4.0], "b": [1.0]}, ("a", "b"))])


@pytest.fixture
def target(server, member):
    headers = {"Authorization": f"Api-Key {member.key}"}
    return Target(
        "127.0.0.1",
        urlsplit(server.url).port,
        lambda texts: post(ANALYZE, headers, orjson.dumps({"texts": texts})),
    )


def test_it_works(target):
    bodies = itertools.repeat(target.request(["Measured!"]))
    outcome = closed_loop(target, bodies, clients=2, seconds=0.2)
    assert outcome.rate > 0
    assert set(outcome.latencies) == {200}
    assert 0 < outcome.milliseconds(50) <= outcome.milliseconds(99)


def test_an_open_loop_sends_at_its_rate_and_times_from_when_a_request_fell_due(target):
    bodies = itertools.repeat(target.request(["Measured!"]))
    outcome = open_loop(target, bodies, rate=40, seconds=0.5)
    assert len(outcome.good) + outcome.unanswered == 20


def test_what_is_refused_is_counted_apart(target):
    bodies = itertools.repeat(post(ANALYZE, {}, b"{}"))
    outcome = closed_loop(target, bodies, clients=1, seconds=0.0)
    assert list(outcome.latencies) == [401]
    assert outcome.good == []


def test_percentiles_and_ratios():
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert spread([]) == {"median": 0.0, "p10": 0.0, "p90": 0.0, "runs": 0}
    assert SUITE.figures[0].ratio_of_medians() == 3.0


def test_traffic_has_the_hit_rate_that_was_asked_for():
    texts = [f"text {number}" for number in range(300)]
    known = set(texts)
    asked = list(itertools.islice(zipf(texts, hit_rate=0.7), 2000))
    assert 0.66 < sum(text in known for text in asked) / len(asked) < 0.74


def test_a_report_replaces_what_was_measured_before_and_nothing_else(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    report_write(report_make([SUITE]), page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| f | ms | a 3 (2 to 4)<br>b 1 (1 to 1) | 3.00 |  |" in text
    assert "old" not in text


def test_too_few_texts_are_misuse(tmp_path):
    file = tmp_path / "texts.tsv"
    file.write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(CommandError, match="at least 300") as caught:
        call_command("benchmark", "engine", texts=file)
    assert caught.value.returncode == 2
