"""mlops.inference.classifier: encoded texts in, calibrated probabilities out, in either form."""

from __future__ import annotations

import numpy as np
import pytest

from mlops.inference.calibration import rows_unpack
from mlops.inference.classifier import Classifier
from mlops.inference.errors import InvalidOutputError

TEXTS = ["Thank you!", "I am so sad that this happened", "Where is the station?"]
LONG = "I was happy at first, and then all of it went wrong. " * 40


def both(classifier, texts):
    encoded = classifier.encode(texts)
    return rows_unpack(classifier.predict_packed(encoded)), classifier.predict_encoded(encoded)


def test_it_works(classifier):
    packed, rows = both(classifier, TEXTS)
    assert packed.shape == (3, 28)
    np.testing.assert_array_equal(packed, rows)


@pytest.mark.parametrize("text", [TEXTS[0], LONG], ids=["short", "long"])
def test_a_single_text_has_the_same_probabilities_packed(classifier, text):
    packed, rows = both(classifier, [text])
    np.testing.assert_allclose(packed, rows, atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("texts", [TEXTS[:1], TEXTS], ids=["one", "several"])
def test_what_is_no_number_is_no_answer(version_folder_int8, monkeypatch, texts, bad):
    classifier = Classifier.load(version_folder_int8)
    run = classifier._backend.run

    def spoiled(*feed):
        logits = run(*feed).copy()
        logits[-1, 5] = bad
        return logits

    monkeypatch.setattr(classifier._backend, "run", spoiled)
    for predict in (classifier.predict_packed, classifier.predict_encoded):
        with pytest.raises(InvalidOutputError, match="NaN or infinity"):
            predict(classifier.encode(texts))
