"""The engine: one model, its queue and its cache."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from emotions.engine import Engine, TextResult
from mlops.inference.errors import InferenceError, QueueFullError

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
    engine = Engine()
    loads = []

    def folder():
        loads.append(threading.current_thread().name)
        return engine_config.folder()

    engine.configure(replace(engine_config, folder=folder))
    engine.start()
    engine.start()
    for thread in threading.enumerate():
        if thread.name == "valence-load":
            thread.join(30)
    assert loads == ["valence-load"]
    assert engine.probe() > 0
    engine.stop()
