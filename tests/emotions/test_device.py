"""The engine in a GPU's shapes: a safetensors version in buckets, on whatever device is here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from emotions.apps import runtime_options
from emotions.engine import Engine
from emotions.setup import PRETRAINED
from mlops.inference.backends import RuntimeOptions
from mlops.inference.classifier import Classifier
from mlops.inference.manifest import manifest_read
from mlops.routing.table import RoutingTable, Serving

TEXTS = [f"I am number {number} and {'happy ' * number}" for number in range(60)]


@pytest.fixture
def bucketed(engine_config):
    made = Engine()
    runtime = RuntimeOptions(device="cpu", threads=1, shapes="buckets", token_budget=512)
    serving = Serving(manifest_read(PRETRAINED).digest, PRETRAINED)
    table = RoutingTable(serving)
    made.configure(replace(engine_config, runtime=runtime, routing=lambda: table))
    made.start(background=False)
    yield made
    made.stop()


def test_it_works(bucketed):
    """Whoever asks at the same time gets the answers that the bare model gives, unpadded."""
    bare = Classifier.load(PRETRAINED, RuntimeOptions(device="cpu", threads=1))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: bucketed.analyze([text]).results[0], TEXTS))
    rows = [answer.probabilities for answer in answers]
    np.testing.assert_allclose(rows, bare.predict(TEXTS), atol=1e-5)


def test_the_settings_say_how(settings):
    settings.INFERENCE_PRECISION, settings.INFERENCE_SHAPES = "bf16", "buckets"
    settings.INFERENCE_BATCH_TOKENS = 4096
    options = runtime_options()
    assert (options.precision, options.shapes, options.token_budget) == ("bf16", "buckets", 4096)


def test_without_settings_the_device_decides():
    options = runtime_options()
    assert [options.budget(device) for device in ("cpu", "cuda", "mps")] == [256, 16_384, 16_384]
    assert [options.bucketed(device) for device in ("cpu", "cuda", "mps")] == [False, True, True]
