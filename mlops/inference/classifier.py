"""A loaded artifact: tokeniser, backend and calibration behind one object."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlops.inference.artifact import artifact_verify
from mlops.inference.backends import Backend, RuntimeOptions, backend_load
from mlops.inference.buckets import padded_width
from mlops.inference.calibration import Calibrator, activate, rows_pack
from mlops.inference.errors import InferenceError, InvalidOutputError, NotFiniteError
from mlops.inference.manifest import Manifest
from mlops.inference.tokenization import EncodedText, TextTokenizer, text_normalise

FloatArray = NDArray[np.float32]
# Texts tokenised at a time ahead of a GPU: a batch or two of short ones, sorted among themselves.
AHEAD_TEXTS = 1024
_NOT_FINITE = "the model answered with NaN or infinity"
_SHORT = "Warm-up."
_LONG = "A longer text, of which a window is full. "


class Classifier:
    """Texts in, probabilities ``(texts, labels)`` out. Use ``load()`` to make one.

    ``encode`` and ``predict`` may be called from any thread, ``predict_encoded`` from ``lanes``
    threads at a time.
    """

    def __init__(self, manifest: Manifest, tokenizer: TextTokenizer, backend: Backend) -> None:
        self.manifest = manifest
        self.digest = manifest.digest
        self.calibrator = Calibrator(manifest)
        self._tokenizer = tokenizer
        self._backend = backend
        self.lanes = backend.lanes
        self.token_budget, self.widths = backend.token_budget, backend.widths

    @classmethod
    def load(cls, folder: Path, options: RuntimeOptions | None = None) -> Classifier:
        """Verify, load and warm the artifact of *folder*.

        Raises:
            ArtifactError: if it is corrupt or incompatible, or answers with NaN.
        """
        manifest = artifact_verify(folder)
        options = options or RuntimeOptions()
        classifier: Classifier
        if manifest.format == "cascade":
            from mlops.inference.cascade import cascade_load

            classifier = cascade_load(folder, manifest, options)
        else:
            tokenizer = TextTokenizer(folder, manifest.max_length)
            classifier = cls(manifest, tokenizer, backend_load(folder, manifest, options))
        classifier.warm_up()
        return classifier

    def warm_up(self) -> None:
        """Answer in the shapes that traffic has: one short text, one full window, a full batch.

        Raises:
            NotFiniteError: if an answer is NaN or infinite.
        """
        window = _LONG * max(1, self.manifest.max_length // 10)
        many = self.token_budget // len(self.encode([_SHORT])[0].windows[0])
        try:
            for text, times in ((_SHORT, 1), (window, 1), (_SHORT, many)):
                self.predict_encoded(self.encode([text]) * times)
        except InferenceError as error:
            raise NotFiniteError(f"{self.manifest.name}: {error}") from error

    def rest(self) -> None:
        """Give back the working memory of past passes."""
        self._backend.rest()

    @property
    def device(self) -> str:
        """Where the model runs: ``cpu``, ``cuda`` or ``mps``."""
        return self._backend.device

    @property
    def precision(self) -> str:
        """What it computes in: ``fp32``, ``fp16``, ``bf16`` or ``int8``."""
        return self._backend.precision

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """Token ids of each text (normalised first), long texts in overlapping windows."""
        return self.encode_normal([text_normalise(text) for text in texts])

    def encode_normal(self, texts: Sequence[str]) -> list[EncodedText]:
        """As ``encode``, for texts in normal form."""
        return self._tokenizer.encode(texts)

    def predict(self, texts: Sequence[str]) -> FloatArray:
        """Calibrated probabilities, in the order of *texts*.

        With several lanes this thread goes on to tokenise while they compute.
        """
        result = np.empty((len(texts), len(self.manifest.labels)), dtype=np.float32)

        def fill(encoded: Sequence[EncodedText], rows: FloatArray, batch: list[int]) -> None:
            rows[batch] = self.predict_encoded([encoded[index] for index in batch])

        if self.lanes == 1:
            for encoded, rows, batch in self._batches(texts, result):
                fill(encoded, rows, batch)
        else:
            with ThreadPoolExecutor(self.lanes) as pool:
                _all_done([pool.submit(fill, *work) for work in self._batches(texts, result)])
        return result

    def batches(self, encoded: Sequence[EncodedText]) -> Iterator[list[int]]:
        """Indices of *encoded* in batches of the size that suits the device, the shortest first."""
        costs = [padded_width(text.cost, self.widths) for text in encoded]
        return budget_batches(costs, self.token_budget)

    def predict_encoded(self, batch: Sequence[EncodedText]) -> FloatArray:
        """Calibrated probabilities of encoded texts.

        One forward pass, or, for a text of many windows, as many as keep each within the budget.

        A text of several windows gets the mean of their raw probabilities, weighted by window
        length: a short remainder at the end says little about the whole.

        Raises:
            InvalidOutputError: if the model answers with NaN or infinity.
        """
        windows = [window for text in batch for window in text.windows]
        logits = self._logits(windows)
        if not np.isfinite(logits).all():
            raise InvalidOutputError(_NOT_FINITE)
        if len(windows) == len(batch):
            return self.calibrator.from_logits(logits)
        probabilities = activate(logits, self.manifest.activation)
        return self.calibrator.apply(_aggregated(batch, probabilities))

    def predict_packed(self, batch: Sequence[EncodedText]) -> list[bytes]:
        """As ``predict_encoded``; a packed row for each text, as caches and log hold them."""
        if len(batch) > 1 or len(batch[0].windows) > 1:
            return rows_pack(self.predict_encoded(batch))
        logits = self._logits(batch[0].windows)[0].tolist()
        if not all(map(math.isfinite, logits)):
            raise InvalidOutputError(_NOT_FINITE)
        return [self.calibrator.row(logits)]

    def _batches(
        self, texts: Sequence[str], result: FloatArray
    ) -> Iterator[tuple[list[EncodedText], FloatArray, list[int]]]:
        """Encoded texts, their rows of *result*, and which of them make a batch."""
        step = AHEAD_TEXTS if self.widths else max(1, len(texts))
        for start in range(0, len(texts), step):
            encoded = self.encode(texts[start : start + step])
            for batch in self.batches(encoded):
                yield encoded, result[start : start + step], batch

    def _logits(self, windows: Sequence[tuple[int, ...]]) -> FloatArray:
        step = max(1, self.token_budget // padded_width(max(map(len, windows)), self.widths))
        if len(windows) <= step:
            return self._backend.run(*self._padded(windows))
        parts = [windows[start : start + step] for start in range(0, len(windows), step)]
        return np.concatenate([self._backend.run(*self._padded(part)) for part in parts])

    def _padded(
        self, windows: Sequence[tuple[int, ...]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if len(windows) == 1:
            input_ids = np.array(windows, dtype=np.int64)
            # Two calls of C where np.ones takes three of Python.
            attention_mask = np.empty_like(input_ids)
            attention_mask.fill(1)
            return input_ids, attention_mask
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


def _all_done(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.result()


def _aggregated(batch: Sequence[EncodedText], probabilities: FloatArray) -> FloatArray:
    result = np.empty((len(batch), probabilities.shape[1]), dtype=np.float32)
    start = 0
    for row, text in enumerate(batch):
        weights = np.array([len(window) for window in text.windows], dtype=np.float32)
        part = probabilities[start : start + len(weights)]
        result[row] = weights @ part / weights.sum()
        start += len(weights)
    return result
