"""Two models as one: a small one answers where it is sure, a full one where it is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlops.inference.artifact import TOKENIZER_NAME, file_digest
from mlops.inference.backends import Backend, RuntimeOptions, backend_load
from mlops.inference.calibration import Real, logit, rows_pack
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactIncompatibleError
from mlops.inference.manifest import Manifest, manifest_read
from mlops.inference.tokenization import EncodedText, TextTokenizer

FloatArray = NDArray[np.float32]
# The folders of the two models within the cascade's.
SMALL, FULL = "small", "full"
# Called after each pass with how many texts the small model and how many the full one answered.
Heard = Callable[[int, int], None]


def doubt(calibrated: NDArray[Real], thresholds: NDArray[Real]) -> NDArray[Real]:
    """How near each text's nearest decision is to its threshold: logits, negative, ``(texts,)``.

    Near the threshold is where another model may decide otherwise. The number of decisions that
    are expected to be wrong (Chow 1970) finds texts that are hard for both, and pays less: the
    card of valence-nano has the figures.
    """
    result: NDArray[Real] = -np.abs(logit(calibrated) - logit(thresholds)).min(axis=1)
    return result


class Cascade(Classifier):
    """Asks the small model everything, and the full one whatever the small one doubts.

    A text is doubted as a whole, its windows pooled: its answer is one model's, to the digit as
    that model alone would give it. Both are calibrated each by itself, and one set of
    thresholds does for both.
    """

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: TextTokenizer,
        small: tuple[Manifest, Backend],
        full: tuple[Manifest, Backend],
    ) -> None:
        super().__init__(manifest, tokenizer, small[1])
        self.small = Classifier(small[0], tokenizer, small[1])
        self.full = Classifier(full[0], tokenizer, full[1])
        self.heard: Heard = _nobody
        self._bound = math.inf if manifest.bound is None else manifest.bound

    def warm_up(self) -> None:
        """As of each model: what the full one is asked for must not be its first."""
        self.small.warm_up()
        self.full.warm_up()

    def rest(self) -> None:
        """Of both models."""
        self.small.rest()
        self.full.rest()

    def predict_encoded(self, batch: Sequence[EncodedText]) -> FloatArray:
        """Calibrated probabilities of encoded texts, by whichever model answers each.

        Raises:
            InvalidOutputError: if either model answers with NaN or infinity.
        """
        rows = self.small.predict_encoded(batch)
        over = doubt(rows, self.calibrator.thresholds) > self._bound
        asked = np.flatnonzero(over).tolist()
        if asked:
            rows[asked] = self.full.predict_encoded([batch[index] for index in asked])
        self.heard(len(batch) - len(asked), len(asked))
        return rows

    def predict_packed(self, batch: Sequence[EncodedText]) -> list[bytes]:
        """As ``predict_encoded``, packed by row."""
        return rows_pack(self.predict_encoded(batch))


def cascade_load(folder: Path, manifest: Manifest, options: RuntimeOptions) -> Cascade:
    """The cascade in *folder*, not warmed yet.

    Raises:
        ArtifactError: if one of its models cannot be loaded, or they do not fit together.
    """
    small, full = (manifest_read(folder / part) for part in (SMALL, FULL))
    parts_check((folder / SMALL, small), (folder / FULL, full))
    strange = [name for name, own, theirs in _compared(manifest, small) if own != theirs]
    if strange:
        raise ArtifactIncompatibleError(
            f"{folder}: the cascade has another {', another '.join(strange)} than its models"
        )
    tokenizer = TextTokenizer(folder / SMALL, manifest.max_length)
    return Cascade(
        manifest,
        tokenizer,
        (small, backend_load(folder / SMALL, small, options)),
        (full, backend_load(folder / FULL, full, options)),
    )


def parts_check(small: tuple[Path, Manifest], full: tuple[Path, Manifest]) -> None:
    """Whether two artifacts can be one cascade; files and manifests are whole, as verified.

    Raises:
        ArtifactIncompatibleError: saying all that keeps them apart.
    """
    problems = [
        f"{manifest.name} is {manifest.format}; a cascade is made of two ONNX versions"
        for _, manifest in (small, full)
        if manifest.format != "onnx"
    ]
    problems += _differences(small, full)
    if problems:
        raise ArtifactIncompatibleError(f"no cascade of these two: {'; '.join(problems)}")


def _differences(small: tuple[Path, Manifest], full: tuple[Path, Manifest]) -> Iterator[str]:
    names = f"{small[1].name} and {full[1].name}"
    for what, first, second in _compared(small[1], full[1]):
        if first != second:
            yield f"{what} of {names} differ: {_told(first, second)}"
    paths = [folder / TOKENIZER_NAME for folder, _ in (small, full)]
    # Where one is missing its format was named already, or loading will name the file.
    if all(path.is_file() for path in paths) and len({*map(file_digest, paths)}) > 1:
        yield f"the tokenisers of {names} differ ({TOKENIZER_NAME})"


def _compared(one: Manifest, other: Manifest) -> Iterator[tuple[str, object, object]]:
    yield "labels", one.labels, other.labels
    yield "label map", one.label_map, other.label_map
    yield "activation", one.activation, other.activation
    yield "window", one.max_length, other.max_length
    yield "precision", one.precision, other.precision


def _told(first: object, second: object) -> str:
    """The two values; of lists only what is not the same."""
    if not isinstance(first, list) or not isinstance(second, list):
        return f"{first} and {second}"
    if len(first) != len(second):
        return f"{len(first)} and {len(second)}"
    place = next(i for i, pair in enumerate(zip(first, second, strict=True)) if len({*pair}) > 1)
    return f"number {place + 1} is {first[place]!r} and {second[place]!r}"


def _nobody(small: int, full: int) -> None:
    pass
