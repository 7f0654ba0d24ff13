"""The engine: one model, its queue and its cache."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from emotions.engine import Engine, TextResult
from mlops.inference.artifact import artifact_write
from mlops.inference.errors import InferenceError, QueueFullError
from mlops.inference.manifest import manifest_read
from mlops.routing.table import RoutingTable, Serving
from tests.waiting import wait_for

THANKS = "Thank you so much"


def test_it_works(engine, classifier):
    answer = engine.analyze([THANKS, "The meeting is at 3 pm"])
    labels = classifier.manifest.labels
    tops = [labels[int(result.probabilities.argmax())] for result in answer.results]
    assert tops == ["gratitude", "neutral"]
    assert answer.timings.infer > 0


def test_answers_are_those_of_the_bare_classifier(engine, classifier):
    (result,) = engine.analyze([THANKS]).results
    np.testing.assert_allclose(result.probabilities, classifier.predict([THANKS])[0], atol=1e-6)


def test_a_repeated_text_is_cached_whatever_its_white_space(engine):
    (first,) = engine.analyze([THANKS]).results
    (second,) = engine.analyze([f"  {THANKS.replace(' ', '  ')}\n"]).results
    assert (first.cached, second.cached) == (False, True)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_a_text_twice_in_one_request_is_computed_once(engine):
    results = engine.analyze(["twice", "once", "twice"]).results
    np.testing.assert_array_equal(results[0].probabilities, results[2].probabilities)
    assert engine.analyze(["twice"]).results[0].cached


def test_many_threads_get_the_answers_to_their_own_texts(engine, classifier):
    texts = [f"I am number {i} and {'happy' if i % 2 else 'angry'}" for i in range(60)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: engine.analyze([text]).results[0], texts))
    expected = classifier.predict(texts)
    # int8 scales depend on the batch that a text happens to share.
    for result, row in zip(answers, expected, strict=True):
        np.testing.assert_allclose(result.probabilities, row, atol=0.15)


def test_a_poisonous_text_fails_alone(engine, monkeypatch):
    classifier = engine.classifier
    (poison,) = classifier.encode(["poison"])
    original = classifier._backend.run

    def run(input_ids, attention_mask):
        if any(list(row[: len(poison.windows[0])]) == list(poison.windows[0]) for row in input_ids):
            raise RuntimeError("the kernel choked")
        return original(input_ids, attention_mask)

    monkeypatch.setattr(classifier._backend, "run", run)
    results = engine.analyze(["good one", "poison", "another good one"]).results
    assert [isinstance(result, TextResult) for result in results] == [True, False, True]
    assert "the kernel choked" in str(results[1])


def test_nan_is_an_error_and_never_cached(engine, monkeypatch):
    backend = engine.classifier._backend
    original = backend.run
    monkeypatch.setattr(backend, "run", lambda *args: original(*args) * np.nan)
    (result,) = engine.analyze(["a text"]).results
    assert isinstance(result, InferenceError)
    monkeypatch.setattr(backend, "run", original)
    (result,) = engine.analyze(["a text"]).results
    assert isinstance(result, TextResult)
    assert not result.cached


def test_more_texts_than_the_queue_holds_are_refused(engine_config):
    engine = Engine()
    engine.configure(replace(engine_config, queue_capacity=3))
    engine.start(background=False)
    with pytest.raises(QueueFullError):
        engine.analyze(["1", "2", "3", "4"])
    assert len(engine.analyze(["1", "2", "3"]).results) == 3
    engine.stop()


def test_it_loads_in_the_background_and_only_once(engine_config):
    engine, asked = Engine(), []

    def routing():
        asked.append(threading.current_thread().name)
        return engine_config.routing()

    engine.configure(replace(engine_config, routing=routing))
    engine.start()
    engine.start()
    wait_for(lambda: engine.error == "" and engine._routes)
    assert set(asked) == {"valence-load"}
    assert engine.probe() > 0
    engine.stop()


@pytest.fixture
def other(tmp_path, version_folder_int8) -> Serving:
    """The same model under another version's name."""
    manifest = replace(manifest_read(version_folder_int8), version="other")

    def fill(folder):
        shutil.copytree(version_folder_int8, folder, dirs_exist_ok=True)

    written = artifact_write(tmp_path / "other", manifest, fill)
    return Serving(written.digest, tmp_path / "other")


def test_a_promoted_version_is_swapped_in_and_the_old_one_let_go(engine, engine_config, other):
    old = engine.routes.production.loaded
    engine.configure(replace(engine_config, routing=lambda: RoutingTable(other)))
    engine.refresh()
    assert engine.classifier.manifest.version == "other"
    wait_for(lambda: not old.batcher.alive)
    assert isinstance(engine.analyze([THANKS]).results[0], TextResult)


def test_a_request_that_took_the_old_version_is_answered_by_the_new_one(
    engine, engine_config, other, monkeypatch
):
    old, taken = engine.routes, []

    def ready():
        # The first look sees the old version, already closed, as a thread overtaken by a swap does.
        taken.append(old if not taken else engine._routes)
        return taken[-1]

    engine.configure(replace(engine_config, routing=lambda: RoutingTable(other)))
    engine.refresh()
    wait_for(lambda: not old.production.loaded.batcher.alive)
    monkeypatch.setattr(engine, "_ready", ready)
    answer = engine.analyze([THANKS])
    assert answer.classifier.manifest.version == "other"


def test_no_request_fails_while_versions_are_swapped(engine, engine_config, other):
    """Under load every answer comes, from one of the two versions; soak/swap_load has more."""
    versions = [engine_config.routing().production, other]
    answers, failures, done = Counter(), [], threading.Event()

    def load(client):
        for number in itertools.count():
            if done.is_set():
                return
            try:
                answer = engine.analyze([f"client {client} says {number}"])
            except Exception as error:  # noqa: BLE001 - whatever it is, it counts
                failures.append(error)
            else:
                answers[answer.classifier.digest] += 1

    def swapped_to(version) -> None:
        before = answers[version.digest]
        engine.configure(replace(engine_config, routing=lambda: RoutingTable(version)))
        engine.refresh()
        wait_for(lambda: answers[version.digest] > before)

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(load, client) for client in range(4)]
        try:
            for swap in range(6):
                swapped_to(versions[(swap + 1) % 2])
        finally:
            done.set()
        for future in running:
            future.result()
    assert failures == []


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_and_says_why(
    engine, engine_config, tmp_path
):
    broken = Serving("broken", tmp_path)
    engine.configure(replace(engine_config, routing=lambda: RoutingTable(broken)))
    engine.refresh()
    assert isinstance(engine.analyze([THANKS]).results[0], TextResult)
    assert "manifest.json: cannot be read" in engine.error
    engine.configure(engine_config)
    engine.refresh()
    assert engine.error == ""


def test_a_failed_load_is_reported_once(engine_config, tmp_path):
    reports = []
    broken = Serving("broken", tmp_path)
    made = Engine()
    made.configure(
        replace(
            engine_config,
            routing=lambda: RoutingTable(broken),
            load_failed=lambda *report: reports.append(report),
        )
    )
    for _ in range(3):
        made.refresh()
    ((digest, reason),) = reports
    assert digest == "broken"
    assert "manifest.json: cannot be read" in reason
