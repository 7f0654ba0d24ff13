"""The second embedded model: registered by whoever wants it, never served unasked"""

from __future__ import annotations

import json

import pytest

from emotions.setup import PRETRAINED
from mlops.constants import Format, Status
from mlops.inference.classifier import Classifier
from mlops.inference.manifest import manifest_read
from mlops.selectors import version_folder
from mlops.services.versions import version_register
from tests.conftest import NANO


@pytest.mark.django_db
def test_it_works(nano):
    child = version_register(folder=nano.folder, parent=version_register(folder=NANO))
    assert (child.format, child.status) == (Format.ONNX, Status.VALIDATED)
    assert nano.report["within_tolerance"]
    classifier = Classifier.load(version_folder(child))
    texts = ["Thank you so much!", "This makes me so angry", "The train leaves at nine"]
    best = classifier.predict(texts).argmax(axis=1)
    found = [classifier.manifest.labels[index] for index in best]
    assert found == ["gratitude", "anger", "neutral"]
    assert child.promoted_at is None


def test_it_answers_with_the_labels_of_the_model_that_serves():
    assert manifest_read(NANO).labels == manifest_read(PRETRAINED).labels


def test_it_has_half_the_layers_of_the_model_that_serves():
    layers = [
        json.loads((folder / "config.json").read_text())["num_hidden_layers"]
        for folder in (NANO, PRETRAINED)
    ]
    assert layers == [3, 6]
