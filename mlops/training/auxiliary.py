"""Texts of a second domain, labelled by groups of our labels (BRIGHTER: Ekman's emotions)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mlops.training.data import DataFormatError, GroupedTexts

TEXT_COLUMN = "text"


def grouped_texts_read(
    path: Path, groups: Mapping[str, Sequence[str]], labels: Sequence[str]
) -> GroupedTexts:
    """Rows of a CSV file with a ``text`` column and one intensity column per group.

    Any intensity above 0 means that the group is present.

    Raises:
        DataFormatError: naming the file and line, or the columns and labels that are missing.
    """
    unknown = sorted({label for members in groups.values() for label in members} - set(labels))
    if unknown or not groups:
        raise DataFormatError(f"auxiliary groups name unknown labels: {', '.join(unknown)}")
    texts: list[str] = []
    rows: list[list[float]] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = sorted({TEXT_COLUMN, *groups} - set(reader.fieldnames or ()))
            if missing:
                raise DataFormatError(f"{path}: columns missing: {', '.join(missing)}")
            for row in reader:
                texts.append(row[TEXT_COLUMN])
                rows.append([_present(path, reader.line_num, row, group) for group in groups])
    except OSError as error:
        raise DataFormatError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{path}: not UTF-8 at byte {error.start}") from error
    members = [[float(label in group) for label in labels] for group in groups.values()]
    return GroupedTexts(
        texts, np.array(rows, dtype=np.float32), np.array(members, dtype=np.float32)
    )


def _present(path: Path, line: int, row: Mapping[str, str | None], group: str) -> float:
    try:
        return float(float(row[group] or "") > 0)
    except ValueError as error:
        raise DataFormatError(
            f"{path}:{line}: column {group!r} must hold a number, found {row[group]!r}"
        ) from error
