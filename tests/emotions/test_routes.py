"""Several loaded versions at once: arms, pins, and what happens when one of them fails"""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from emotions.engine import Engine, TextResult
from emotions.pins import PinsFullError, VersionLoadingError
from mlops.inference.artifact import artifact_write
from mlops.inference.errors import InferenceError
from mlops.inference.manifest import manifest_read
from mlops.routing.labels import LabelMap, LabelMapError
from mlops.routing.table import ArmRoute, Caller, GuardLimits, RolloutRoute, RoutingTable, Serving
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def copy(tmp_path_factory, version_folder_int8):
    """Makes the shipped model under another version's name."""

    def make(name: str) -> Serving:
        manifest = replace(manifest_read(version_folder_int8), version=name)
        folder = tmp_path_factory.mktemp("versions") / name

        def fill(target):
            shutil.copytree(version_folder_int8, target, dirs_exist_ok=True)

        return Serving(artifact_write(folder, manifest, fill).digest, folder)

    return make


@pytest.fixture(scope="module")
def challenger(copy) -> Serving:
    return copy("challenger")


@pytest.fixture
def rollout(engine_config, challenger) -> RolloutRoute:
    production = engine_config.routing().production
    champion = ArmRoute(1, "champion", production, 50)
    return RolloutRoute(
        7, "salt", "subject", champion, (champion, ArmRoute(2, "challenger", challenger, 50))
    )


@pytest.fixture
def table(engine_config, rollout) -> RoutingTable:
    return replace(engine_config.routing(), everyone=rollout)


@pytest.fixture
def routed(engine_config, table):
    """An engine with two arms, and what it told of stopped arms."""
    engine, told = Engine(), []
    engine.configure(replace(engine_config, routing=lambda: table, tripped=told.append))
    engine.start(background=False)
    yield engine, told
    engine.stop()


def arms_of(engine, subjects) -> dict[str, str | None]:
    found = {}
    for subject in subjects:
        route = engine.routes.route(Caller(subject=subject))
        found[subject] = route.arm.name if route.arm else None
    return found


def fail(*_):
    raise RuntimeError("the kernel choked")


SUBJECTS = [f"user-{number}" for number in range(200)]


def test_it_works(routed):
    engine, _ = routed
    arms = arms_of(engine, SUBJECTS)
    assert set(Counter(arms.values())) == {"champion", "challenger"}
    assert arms == arms_of(engine, SUBJECTS)
    versions = {
        engine.analyze([f"text of {each}"], Caller(subject=each)).classifier.manifest.version
        for each in SUBJECTS[:20]
    }
    assert "challenger" in versions
    assert len(versions) == 2


def test_without_a_caller_production_answers(routed, engine_config):
    answer = routed[0].analyze(["nobody in particular"])
    assert answer.classifier.digest == engine_config.routing().production.digest
    assert answer.route.arm is None


def test_a_version_that_no_arm_has_any_more_is_freed(routed, engine_config, challenger):
    engine, _ = routed
    loaded = engine.routes.arms[2].loaded
    engine.configure(engine_config)
    engine.refresh()
    assert not engine.routes.champions
    assert engine._fleet.loaded(challenger.digest) is None
    wait_for(lambda: not loaded.batcher.alive)


def test_an_arm_that_cannot_be_loaded_leaves_its_callers_to_the_champion(
    engine_config, rollout, tmp_path
):
    broken = ArmRoute(3, "broken", Serving("f" * 64, tmp_path), 50)
    table = replace(
        engine_config.routing(), everyone=replace(rollout, live=(rollout.champion, broken))
    )
    engine = Engine()
    engine.configure(replace(engine_config, routing=lambda: table))
    engine.start(background=False)
    assert set(arms_of(engine, SUBJECTS).values()) == {"champion", None}
    assert isinstance(engine.analyze(["a"], Caller(subject="x")).results[0], TextResult)
    assert "cannot be read" in engine.error
    engine.stop()


def test_an_arm_that_fails_is_stopped_at_the_answer_that_was_too_many(routed, monkeypatch):
    engine, told = routed
    broken = engine.routes.arms[2].loaded.classifier._backend
    original = broken.run
    monkeypatch.setattr(broken, "run", lambda *args: original(*args) * np.nan)
    before = arms_of(engine, SUBJECTS)
    failures = 0
    for number, subject in enumerate(SUBJECTS):
        (result,) = engine.analyze([f"text {number}"], Caller(subject=subject)).results
        failures += isinstance(result, InferenceError)
    assert failures == GuardLimits().min_errors
    after = arms_of(engine, SUBJECTS)
    assert {each for each in SUBJECTS if after[each] == "champion"} == {
        each for each in SUBJECTS if before[each] == "champion"
    }
    assert "challenger" not in after.values()
    engine.refresh()
    (trip,) = told
    assert (trip.rollout_id, trip.arm_id) == (7, 2)
    assert "5 of 5 documents failed" in trip.reason


def test_a_stop_that_cannot_be_written_down_holds_here_and_is_tried_again(
    engine_config, table, monkeypatch
):
    told = []

    def tripped(trip):
        told.append(trip)
        if len(told) < 3:
            raise OSError("the database is away")

    engine = Engine()
    engine.configure(replace(engine_config, routing=lambda: table, tripped=tripped))
    engine.start(background=False)
    backend = engine.routes.arms[2].loaded.classifier._backend
    monkeypatch.setattr(backend, "run", fail)
    for number, subject in enumerate(SUBJECTS[:40]):
        engine.analyze([f"words {number}"], Caller(subject=subject))
    for _ in range(2):
        engine.refresh()
        assert "challenger" not in arms_of(engine, SUBJECTS).values()
    engine.refresh()
    assert len(told) == 3
    engine.stop()


def test_errors_of_both_arms_stop_neither(routed, monkeypatch):
    engine, told = routed
    for arm in (1, 2):
        backend = engine.routes.arms[arm].loaded.classifier._backend
        monkeypatch.setattr(backend, "run", fail)
    for number, subject in enumerate(SUBJECTS[:60]):
        engine.analyze([f"words {number}"], Caller(subject=subject))
    assert told == []


def pinned_answer(engine, model: str):
    """None while the version is being loaded."""
    with suppress(VersionLoadingError):
        return engine.analyze(["a text"], Caller(subject="x"), model=model)


def test_a_pinned_version_overrides_the_rollout_and_is_loaded_on_demand(engine_config, table, copy):
    pinned = copy("pinned")

    def resolve(name):
        if name != "valence-minilm:9":
            raise LookupError(f"no version {name!r}")
        return pinned

    engine = Engine()
    engine.configure(replace(engine_config, routing=lambda: table, resolve=resolve))
    engine.start()
    wait_for(lambda: engine._routes)
    answer = wait_for(lambda: pinned_answer(engine, "valence-minilm:9"))
    assert answer.classifier.digest == pinned.digest
    assert answer.route.pinned
    with pytest.raises(LookupError, match="no version 'other:1'"):
        engine.analyze(["a text"], model="other:1")
    engine.stop()


def test_pins_are_few(engine_config, copy, tmp_path):
    known = {"a": copy("a"), "b": copy("b"), "broken": Serving("e" * 64, tmp_path)}
    engine = Engine()
    engine.configure(replace(engine_config, resolve=known.__getitem__, pinned_versions=1))
    engine.start(background=False)
    engine.analyze(["a text"], model="a")
    with pytest.raises(PinsFullError):
        engine.analyze(["a text"], model="b")
    engine.stop()
    engine.configure(replace(engine_config, resolve=known.__getitem__, pinned_versions=1))
    engine.start(background=False)
    with pytest.raises(VersionLoadingError, match="cannot be read"):
        engine.analyze(["a text"], model="broken")
    engine.stop()


def test_an_arm_with_a_label_map_answers_in_the_champions_words(engine_config, rollout):
    labels = engine_config.routing().production
    names = manifest_read(labels.folder).labels
    turned = dict(zip(names, reversed(names), strict=True))
    mapped = replace(
        rollout.live[1],
        label_map=LabelMap.of(turned, source=names, target=[*names, "boredom"]),
    )
    table = replace(
        engine_config.routing(), everyone=replace(rollout, live=(rollout.champion, mapped))
    )
    engine = Engine()
    engine.configure(replace(engine_config, routing=lambda: table))
    engine.start(background=False)
    subject = next(each for each, arm in arms_of(engine, SUBJECTS).items() if arm == "challenger")
    answer = engine.analyze(["Thank you so much"], Caller(subject=subject))
    (result,) = answer.results
    assert answer.route.labels[-1] == "boredom"
    assert result.probabilities[-1] == 0
    assert answer.route.thresholds[-1] > 1
    assert answer.route.labels[int(result.probabilities.argmax())] == turned["gratitude"]
    engine.stop()


def test_label_maps_that_do_not_fit_are_refused_by_name():
    with pytest.raises(LabelMapError) as error:
        LabelMap.of({"a": "x", "b": "x", "z": "q"}, source=["a", "b", "c"], target=["x", "y"])
    assert str(error.value) == (
        "not labels of the arm's version: z; labels of the arm's version without an entry: c; "
        "not labels of the champion: q; given by more than one label: x"
    )
