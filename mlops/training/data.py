"""Reading of GoEmotions-format files: ``text <TAB> comma-separated label ids <TAB> comment id``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlops.errors import CodedError

FloatArray = NDArray[np.float32]


class DataFormatError(CodedError, ValueError):
    """A labelled file that cannot be read; the message names file, line and what was expected."""

    code = "bad_data"


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts with their targets, ``(texts, labels)`` in [0, 1]."""

    texts: list[str]
    targets: FloatArray

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class GroupedTexts:
    """Texts labelled by groups of labels only.

    ``targets`` is ``(texts, groups)``, 0 or 1; ``members`` is ``(groups, labels)``, 0 or 1.
    """

    texts: list[str]
    targets: FloatArray
    members: FloatArray


def labels_read(path: Path) -> list[str]:
    """The label names of *path*, one a line, in the order of their ids.

    Raises:
        DataFormatError: if the file is missing, empty or repeats a label.
    """
    labels = [line.strip() for line in _lines(path) if line.strip()]
    if not labels:
        raise DataFormatError(f"{path}: no labels; expected one label name a line")
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise DataFormatError(f"{path}: label names are repeated: {', '.join(repeated)}")
    return labels


def labelled_texts_read(path: Path, label_count: int) -> LabelledTexts:
    """All rows of *path* with their multi-hot targets.

    Raises:
        DataFormatError: naming the line, for a row without a text or with a label id outside
            ``0..label_count - 1``.
    """
    texts: list[str] = []
    rows: list[list[int]] = []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        text, ids = _row_parse(path, number, line, label_count)
        texts.append(text)
        rows.append(ids)
    if not texts:
        raise DataFormatError(f"{path}: no rows; expected text <TAB> label ids <TAB> comment id")
    targets = np.zeros((len(texts), label_count), dtype=np.float32)
    for index, ids in enumerate(rows):
        targets[index, ids] = 1.0
    return LabelledTexts(texts, targets)


def duplicates_merged(data: LabelledTexts) -> LabelledTexts:
    """One row per distinct text (case-folded), its targets averaged over the repetitions.

    GoEmotions repeats short texts with conflicting labels; the average is what readers as a
    group perceived, and a soft target says so.
    """
    groups: dict[str, list[int]] = {}
    for index, text in enumerate(data.texts):
        groups.setdefault(text.casefold().strip(), []).append(index)
    targets = np.stack([data.targets[rows].mean(axis=0) for rows in groups.values()])
    return LabelledTexts([data.texts[rows[0]] for rows in groups.values()], targets)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{path}: not UTF-8 at byte {error.start}") from error


def _row_parse(path: Path, number: int, line: str, label_count: int) -> tuple[str, list[int]]:
    text, separator, rest = line.rstrip("\r").partition("\t")
    if not separator or not text.strip():
        raise DataFormatError(
            f"{path}:{number}: expected text <TAB> label ids, found {line[:60]!r}"
        )
    field = rest.split("\t")[0]
    try:
        ids = [int(part) for part in field.split(",")]
    except ValueError as error:
        raise DataFormatError(
            f"{path}:{number}: label ids must be comma-separated whole numbers, found {field!r}"
        ) from error
    wrong = [label_id for label_id in ids if not 0 <= label_id < label_count]
    if wrong:
        raise DataFormatError(
            f"{path}:{number}: label ids {wrong} are outside 0..{label_count - 1}"
        )
    return text, ids
