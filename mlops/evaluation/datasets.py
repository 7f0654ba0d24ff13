"""Labelled files: GoEmotions' TSV with label ids, or CSV with ``text`` and ``labels``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlops.training.data import DataFormatError, LabelledTexts, labelled_texts_read

TEXT, LABELS = "text", "labels"
SEPARATOR = "|"


def dataset_read(path: Path, labels: Sequence[str]) -> LabelledTexts:
    """The texts of *path* with their targets, columns in the order of *labels*.

    Raises:
        DataFormatError: naming file and line.
    """
    if path.suffix != ".csv":
        return labelled_texts_read(path, len(labels))
    rows = _csv_rows(path)
    index = {label: column for column, label in enumerate(labels)}
    targets = np.zeros((len(rows), len(labels)), dtype=np.float32)
    for row, (line, _, names) in enumerate(rows):
        unknown = [name for name in names if name not in index]
        if unknown:
            raise DataFormatError(
                f"{path}:{line}: unknown labels {', '.join(unknown)}; known: {', '.join(labels)}"
            )
        targets[row, [index[name] for name in names]] = 1.0
    return LabelledTexts([text for _, text, _ in rows], targets)


def texts_read(path: Path) -> list[str]:
    """The texts of *path*: a CSV's column ``text``, else what stands before a line's first tab.

    Raises:
        DataFormatError: if it cannot be read or has no text.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                reader = csv.DictReader(file)
                if TEXT not in (reader.fieldnames or ()):
                    raise DataFormatError(f"{path}:1: no column {TEXT!r}")
                found = [row[TEXT] or "" for row in reader]
            else:
                found = [line.partition("\t")[0] for line in file]
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{path}: not UTF-8 at byte {error.start}") from error
    texts = [text.strip() for text in found if text.strip()]
    if not texts:
        raise DataFormatError(f"{path}: no row has a text")
    return texts


def dataset_labels(path: Path) -> list[str]:
    """Every label that a CSV file names, sorted.

    Raises:
        DataFormatError: if there is none, or the file is no such CSV.
    """
    labels = sorted({name for _, _, names in _csv_rows(path) for name in names})
    if not labels:
        raise DataFormatError(f"{path}: no row has a label")
    return labels


def _csv_rows(path: Path) -> list[tuple[int, str, list[str]]]:
    """Line, text and label names of each row."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = {TEXT, LABELS} - set(reader.fieldnames or ())
            if missing:
                raise DataFormatError(f"{path}: columns missing: {', '.join(sorted(missing))}")
            rows = [
                (reader.line_num, (row[TEXT] or "").strip(), _names(row[LABELS])) for row in reader
            ]
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{path}: not UTF-8 at byte {error.start}") from error
    empty = [line for line, text, _ in rows if not text]
    if empty or not rows:
        raise DataFormatError(f"{path}:{empty[0] if empty else 1}: a row without a text")
    return rows


def _names(field: str | None) -> list[str]:
    return [name.strip() for name in (field or "").split(SEPARATOR) if name.strip()]
