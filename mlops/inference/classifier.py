"""A loaded artifact: tokeniser, backend and calibration behind one object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlops.inference.artifact import artifact_verify
from mlops.inference.backends import Backend, RuntimeOptions, backend_load
from mlops.inference.calibration import Calibrator, activate
from mlops.inference.errors import InferenceError
from mlops.inference.manifest import Manifest
from mlops.inference.tokenization import EncodedText, TextTokenizer, text_normalise

FloatArray = NDArray[np.float32]
# Token positions per forward pass. Past this, a larger batch gains nothing on a CPU core and
# only delays the requests behind it.
TOKEN_BUDGET = 2048
_WARM_UP = ["Warm-up.", "A longer text, so that more than one shape is prepared. " * 8]


class Classifier:
    """Texts in, probabilities ``(texts, labels)`` out. Use ``load()`` to make one.

    ``encode`` may be called from any thread; the ``predict`` methods from one at a time.
    """

    def __init__(self, manifest: Manifest, tokenizer: TextTokenizer, backend: Backend) -> None:
        self.manifest = manifest
        self.digest = manifest.digest
        self.calibrator = Calibrator(manifest)
        self._tokenizer = tokenizer
        self._backend = backend

    @classmethod
    def load(cls, folder: Path, options: RuntimeOptions | None = None) -> Classifier:
        """Verify, load and warm the artifact of *folder*.

        Raises:
            ArtifactError: if it is corrupt or incompatible, or answers with NaN.
        """
        manifest = artifact_verify(folder)
        tokenizer = TextTokenizer(folder, manifest.max_length)
        backend = backend_load(folder, manifest, options or RuntimeOptions())
        classifier = cls(manifest, tokenizer, backend)
        classifier.predict(_WARM_UP)
        return classifier

    @property
    def device(self) -> str:
        """Where the model runs: ``cpu``, ``cuda`` or ``mps``."""
        return self._backend.device

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Token ids of each text (normalised first), long texts in overlapping windows."""
        return self._tokenizer.encode([text_normalise(text) for text in texts])

    def predict(self, texts: Sequence[str]) -> FloatArray:
        """Calibrated probabilities, in the order of *texts*."""
        encoded = self.encode(texts)
        result = np.empty((len(texts), len(self.manifest.labels)), dtype=np.float32)
        for batch in budget_batches([text.cost for text in encoded], TOKEN_BUDGET):
            result[batch] = self.predict_encoded([encoded[index] for index in batch])
        return self.calibrator.apply(result)

    def predict_encoded(self, batch: Sequence[EncodedText]) -> FloatArray:
        """Raw (uncalibrated) probabilities of encoded texts, one forward pass.

        A text of several windows gets the mean of their probabilities, weighted by window
        length: a short remainder at the end says little about the whole.

        Raises:
            InferenceError: if the model answers with NaN or infinity.
        """
        windows = [window for text in batch for window in text.windows]
        logits = self._backend.run(*self._padded(windows))
        if not np.isfinite(logits).all():
            raise InferenceError("the model answered with NaN or infinity")
        probabilities = activate(logits, self.manifest.activation)
        if len(windows) == len(batch):
            return probabilities
        return _aggregated(batch, probabilities)

    def _padded(
        self, windows: Sequence[tuple[int, ...]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        width = max(map(len, windows))
        input_ids = np.full((len(windows), width), self._tokenizer.pad_id, dtype=np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, window in enumerate(windows):
            input_ids[row, : len(window)] = window
            attention_mask[row, : len(window)] = 1
        return input_ids, attention_mask


def budget_batches(costs: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices in batches of similar cost, each at most *budget* padded positions (or one text).

    Sorting by length keeps the padding small: a batch costs its longest text times its size.
    """
    batch: list[int] = []
    for index in sorted(range(len(costs)), key=costs.__getitem__):
        if batch and costs[index] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _aggregated(batch: Sequence[EncodedText], probabilities: FloatArray) -> FloatArray:
    result = np.empty((len(batch), probabilities.shape[1]), dtype=np.float32)
    start = 0
    for row, text in enumerate(batch):
        weights = np.array([len(window) for window in text.windows], dtype=np.float32)
        part = probabilities[start : start + len(weights)]
        result[row] = weights @ part / weights.sum()
        start += len(weights)
    return result
