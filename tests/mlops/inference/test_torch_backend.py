"""PyTorch in buckets: all of a GPU's way but the GPU, whose recordings are stood in for."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from mlops.inference import classifier as classifier_module
from mlops.inference import torch_backend
from mlops.inference.backends import RuntimeOptions
from mlops.inference.batcher import Batcher, BatcherLimits
from mlops.inference.calibration import rows_unpack
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactIncompatibleError
from mlops.inference.huggingface import artifact_adopt
from mlops.inference.launchers import EagerLauncher
from mlops.inference.torch_backend import model_load
from tests.mlops.inference.models import SHAPES, huggingface_folder
from tests.waiting import PATIENCE

TEXTS = [
    *("good day", "what a bad bad day!", "i am sad. thank you good days " * 3),
    *(f"{'good ' * number}day" for number in range(40)),
    "i am sad. " * 100,  # several windows
]
EXACT = RuntimeOptions(device="cpu", threads=1)
# Small enough that the texts make several batches.
BUCKETS = RuntimeOptions(device="cpu", threads=1, shapes="buckets", token_budget=512)
# bf16 keeps eight bits of a number: 0.004 of it, in every layer.
BF16_BOUND = 0.02


@pytest.fixture(scope="session", params=SHAPES)
def artifact(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    artifact_adopt(huggingface_folder(folder / "hf", request.param), folder / "a", name="small")
    return folder / "a"


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    artifact_adopt(huggingface_folder(folder / "hf", "bert"), folder / "a", name="small")
    return folder / "a"


class Recorder(EagerLauncher):
    """Stands in for CUDA's recordings: they run the step, and are counted."""

    def __init__(self, play=lambda step: step(), refuse=""):
        self.captured = self.played = self.awaited = 0
        self._play, self._refuse = play, refuse

    def capture(self, step):
        self.captured += 1
        if self._refuse:
            raise RuntimeError(self._refuse)

        def replay():
            self.played += 1
            self._play(step)

        return replay

    def done(self):
        return self

    def record(self):
        pass

    def synchronize(self):
        self.awaited += 1


@pytest.fixture
def load_with(bert, monkeypatch):
    def load(launcher):
        monkeypatch.setattr(torch_backend, "launcher_for", lambda _: launcher)
        return Classifier.load(bert, BUCKETS)

    return load


def shapes_of(classifier):
    return len({(r, w) for w in classifier.widths for r in (1, max(1, 512 // w))})


def test_it_works(artifact):
    exact, bucketed = Classifier.load(artifact, EXACT), Classifier.load(artifact, BUCKETS)
    np.testing.assert_allclose(bucketed.predict(TEXTS), exact.predict(TEXTS), atol=1e-5)


def test_half_precision_in_buckets_answers_like_full_precision(artifact):
    half = RuntimeOptions(
        device="cpu", threads=1, shapes="buckets", token_budget=512, precision="bf16"
    )
    full = Classifier.load(artifact, EXACT).predict(TEXTS)
    np.testing.assert_allclose(
        Classifier.load(artifact, half).predict(TEXTS), full, atol=BF16_BOUND
    )


def test_on_a_cpu_shapes_are_as_they_come(bert):
    classifier = Classifier.load(bert, EXACT)
    assert (classifier.lanes, classifier.widths, classifier.token_budget) == (1, (), 256)


def test_the_next_batch_is_prepared_while_one_is_computed(bert):
    classifier = Classifier.load(bert, BUCKETS)
    assert classifier.lanes == 2
    assert classifier.widths == (16, 32, 48, 64)
    assert classifier.token_budget == 512


def test_batches_at_the_same_time_do_not_mix(bert):
    exact, bucketed = Classifier.load(bert, EXACT), Classifier.load(bert, BUCKETS)
    limits = BatcherLimits(512, 2000, bucketed.lanes, bucketed.widths)
    batcher = Batcher(bucketed.predict_packed, limits)

    def ask(number):
        texts = TEXTS[number : number + 7]
        keys = [(number, index) for index in range(len(texts))]
        encoded = dict(zip(keys, bucketed.encode(texts), strict=True))
        return texts, rows_unpack([each.row or b"" for each in batcher.compute(encoded, PATIENCE)])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, [number % 38 for number in range(200)]))
    batcher.close()
    for texts, rows in answers:
        np.testing.assert_allclose(rows, exact.predict(texts), atol=1e-5)


def test_every_shape_is_recorded_at_load_and_replayed_by_requests(load_with, bert):
    launcher = Recorder()
    classifier = load_with(launcher)
    recorded, before = launcher.captured, launcher.played
    assert recorded >= shapes_of(classifier)
    probabilities = classifier.predict(TEXTS)
    assert launcher.captured == recorded
    assert launcher.played > before
    np.testing.assert_allclose(
        probabilities, Classifier.load(bert, EXACT).predict(TEXTS), atol=1e-5
    )


def test_a_batch_is_waited_for_once_whatever_its_size(load_with):
    launcher = Recorder()
    classifier = load_with(launcher)
    for texts in (TEXTS[:1], TEXTS[:2], ["good day"] * 32):
        before = launcher.awaited, launcher.played
        classifier.predict_encoded(classifier.encode(texts))
        assert (launcher.awaited, launcher.played) == (before[0] + 1, before[1] + 1)


def test_what_cannot_be_recorded_is_launched_anew_and_the_log_says_why(load_with, bert, caplog):
    launcher = Recorder(refuse="this model asks the device")
    with caplog.at_level(logging.WARNING):
        classifier = load_with(launcher)
    assert launcher.captured == 1
    assert "this model asks the device" in caplog.text
    np.testing.assert_allclose(
        classifier.predict(TEXTS), Classifier.load(bert, EXACT).predict(TEXTS), atol=1e-5
    )
    assert launcher.played == 0


def test_a_recording_that_answers_otherwise_is_not_used(load_with, bert, caplog):
    launcher = Recorder(play=lambda _: None)
    with caplog.at_level(logging.WARNING):
        classifier = load_with(launcher)
    assert "answers differently" in caplog.text
    np.testing.assert_allclose(
        classifier.predict(TEXTS), Classifier.load(bert, EXACT).predict(TEXTS), atol=1e-5
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pass_asks_the_device_for_nothing(tmp_path, shape):
    fake_pass(model_load(huggingface_folder(tmp_path, shape), asking=False).eval())


def test_without_that_care_bert_would_ask(tmp_path):
    model = model_load(huggingface_folder(tmp_path, "bert")).eval()
    with pytest.raises(DataDependentOutputException):
        fake_pass(model)


def fake_pass(model):
    """A pass over tensors without values: whoever looks at one gets an error."""
    with FakeTensorMode(allow_non_fake_inputs=True), torch.inference_mode():
        ids = torch.zeros((2, 16), dtype=torch.int64)
        assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.shape == (2, 3)


def test_texts_are_tokenised_while_the_device_computes(bert, monkeypatch):
    monkeypatch.setattr(classifier_module, "AHEAD_TEXTS", 4)
    tokenised = threading.Semaphore(0)

    class Watched(Classifier):
        def encode(self, texts):
            encoded = super().encode(texts)
            tokenised.release()
            return encoded

        def predict_encoded(self, batch):
            # The first batch is not done before the second part of the texts was tokenised.
            if watched:
                assert tokenised.acquire(timeout=PATIENCE)
                assert tokenised.acquire(timeout=PATIENCE)
                watched.clear()
            return super().predict_encoded(batch)

    watched = []
    classifier = Watched.load(bert, BUCKETS)
    wanted = classifier.predict(TEXTS)
    while tokenised.acquire(blocking=False):
        pass
    watched.append(True)
    np.testing.assert_allclose(classifier.predict(TEXTS), wanted, atol=1e-6)
    assert not watched


def test_a_device_that_is_not_there_is_named(bert):
    if torch.cuda.is_available():
        pytest.skip("it is")
    with pytest.raises(ArtifactIncompatibleError, match=r"'cuda' was asked for.*sees only.*cpu"):
        Classifier.load(bert, RuntimeOptions(device="cuda"))


def test_numbers_beyond_half_precision_get_a_precision_with_room(tmp_path, monkeypatch, caplog):
    folder = huggingface_folder(tmp_path / "hf", "bert")
    model: Any = model_load(folder)
    with torch.no_grad():
        model.classifier.bias += 1e6  # fp16 ends at 65,504
    model.save_pretrained(folder, safe_serialization=True)
    artifact_adopt(folder, tmp_path / "a", name="large")
    order = torch.float16, torch.bfloat16, torch.float32
    monkeypatch.setattr(torch_backend, "_dtypes", lambda *_: order)
    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(tmp_path / "a", BUCKETS)
    assert classifier.precision == "bf16"
    assert np.isfinite(classifier.predict(TEXTS)).all()
    assert "overflows in torch.float16" in caplog.text
    assert "overflows in torch.bfloat16" not in caplog.text


def test_a_batch_in_the_queue_counts_its_padding(bert):
    classifier = Classifier.load(bert, BUCKETS)
    sizes, gate = [], threading.Event()

    def predict(batch):
        assert gate.wait(PATIENCE)
        sizes.append(len(batch))
        return classifier.predict_packed(batch)

    batcher = Batcher(predict, BatcherLimits(512, 100, 1, classifier.widths))
    # 18 tokens each, padded to 32: 16 fit, where 28 would without padding.
    texts = dict(enumerate(classifier.encode(["good " * 16] * 40)))
    submission = batcher.submit(texts)
    gate.set()
    batcher.wait(submission, PATIENCE)
    batcher.close()
    assert max(sizes) == 16
    assert sum(sizes) == 40
