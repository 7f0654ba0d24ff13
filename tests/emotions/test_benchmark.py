"""The benchmark's own measuring: its client, its figures, its report"""

from __future__ import annotations

import itertools
import json
from urllib.parse import urlsplit

import numpy as np
import orjson
import pytest
import torch
from django.core.management import CommandError, call_command
from transformers import RobertaConfig, RobertaModel

from emotions.benchmarks import engine, shapes
from emotions.benchmarks.bare import Bare, twin, unique
from emotions.benchmarks.client import Target, closed_loop, open_loop, post
from emotions.benchmarks.figures import Figure, Suite, percentile, spread
from emotions.benchmarks.http import zipf
from emotions.benchmarks.peers.scorer import Scorer
from emotions.benchmarks.report import BEGIN, END, report_make, report_write
from emotions.benchmarks.server import ANALYZE
from emotions.setup import PRETRAINED
from mlops.inference.backends import RuntimeOptions

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


def test_bare_scores_what_is_served_but_for_a_digit():
    served = list(itertools.islice(unique(["thank you", "I am sad"]), 1000))
    bare = [twin(text) for text in served]
    assert all(one != other for one, other in zip(served, bare, strict=True))
    assert [text.split()[:-1] for text in bare] == [text.split()[:-1] for text in served]
    assert list(map(len, bare)) == list(map(len, served))


def test_bare_computes_what_the_version_computes(version_folder_int8, classifier):
    texts = ["thank you 😭", "I am so sad today, and nobody knows why", "ok"]
    scorer = Scorer(version_folder_int8)
    alone = [scorer.probabilities(scorer.encode([text]))[0] for text in texts]
    expected = np.concatenate([classifier.predict([text]) for text in texts])
    calibrated = classifier.calibrator.apply(np.array(alone, dtype=np.float32))
    np.testing.assert_allclose(calibrated, expected, atol=1e-5)
    assert scorer.probabilities(scorer.encode(texts)).shape == expected.shape


def test_without_an_onnx_graph_there_is_nothing_bare(tmp_path):
    with pytest.raises(RuntimeError, match=r"holds no model.onnx; promote a version"):
        Bare(tmp_path, 256)


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


def test_the_engine_is_measured_on_the_device_and_with_the_model_that_were_asked_for(
    tmp_path, monkeypatch, capsys, settings
):
    settings.INFERENCE_THREADS = 1
    # As RoBERTa-base, but small; its own size has a test below.
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    monkeypatch.setattr(shapes, "ROBERTA_BASE", {**shapes.ROBERTA_BASE, **small})
    file = tmp_path / "texts.tsv"
    file.write_text("\n".join(f"text number {number}" for number in range(300)))
    call_command(
        *("benchmark", "engine", "--texts", str(file), "--device", "cpu", "--json"),
        *("--shape", "roberta-base", "--count", "600"),
    )
    (suite,) = json.loads(capsys.readouterr().out)["suites"]
    assert suite["note"].startswith("Model: roberta-base, fp32 on cpu")
    figures = {figure["name"]: figure for figure in suite["figures"]}
    bulk = figures["600 texts, tokenised and scored"]
    assert bulk["unit"] == "texts/s"
    assert bulk["series"]["served"]["median"] > 0
    # What was asked of a GPU is no target of a CPU.
    assert bulk["target"] == figures["one text through the queue"]["target"] == ""


def test_in_buckets_the_way_without_them_is_measured_in_the_same_run(monkeypatch):
    monkeypatch.setattr(engine, "ROUNDS", 1)
    monkeypatch.setattr(engine, "SINGLES", 5)
    runtime = RuntimeOptions(device="cpu", threads=1, shapes="buckets", token_budget=512)
    texts = [f"text number {number}" for number in range(40)]
    suite = engine.engine_suite(PRETRAINED, runtime, texts, count=40, shape="embedded")
    (bulk,) = [figure for figure in suite.figures if figure.unit == "texts/s" and figure.ratio]
    assert bulk.ratio == ("served", "exact shapes, one lane")
    assert min(map(min, bulk.series.values())) > 0
    assert "in a few shapes" in suite.note


def test_the_random_model_is_as_large_as_roberta_base():
    with torch.device("meta"):
        model = RobertaModel(RobertaConfig(**shapes.ROBERTA_BASE), add_pooling_layer=False)
    # "125M parameters" in table 9 of the paper; the pooler's 0.6 million are not needed here.
    assert sum(each.numel() for each in model.parameters()) == 124_055_040


def test_a_device_that_is_not_there_is_an_error(tmp_path):
    file = tmp_path / "texts.tsv"
    file.write_text("\n".join(f"text number {number}" for number in range(300)))
    device = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(CommandError, match=f"'{device}' was asked for") as caught:
        call_command(
            *("benchmark", "engine"), texts=file, device=device, shape="embedded", count=300
        )
    assert caught.value.returncode == 1


def test_too_few_texts_are_misuse(tmp_path):
    file = tmp_path / "texts.tsv"
    file.write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(CommandError, match="at least 300") as caught:
        call_command("benchmark", "engine", texts=file)
    assert caught.value.returncode == 2
