"""Rows of text files, one at a time. A bad row is reported with its place, not raised."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emotions.serializers import text_problem

FileFormat = Literal["csv", "tsv", "jsonl", "text"]
_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".txt": "text",
}
DEFAULT_COLUMN = "text"
# A field of CSV may be as long as a text may be, and some more.
csv.field_size_limit(1_000_000)


class InputError(ValueError):
    """The file as a whole cannot be used; the message names it and what would be right."""


@dataclass(frozen=True, slots=True)
class Row:
    """A text with its place: ``number`` counts data rows from 0, ``line`` lines from 1."""

    number: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be scored, and why."""

    number: int
    line: int
    column: str
    problem: str


@dataclass(frozen=True, slots=True)
class Source:
    """What to read. ``column`` is a header's name, or a number from 1 where there is no header."""

    path: Path
    format: FileFormat
    column: str | None
    header: bool


def source_of(path: Path, *, format: str | None, column: str | None, header: bool) -> Source:  # noqa: A002
    """The source for *path*, its format told by the suffix unless given.

    Raises:
        InputError: if the file cannot be read, or the column has no meaning for its format.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    known = _SUFFIXES.get(path.suffix.lower(), "text")
    source = Source(path, format or known, column, header)  # type: ignore[arg-type]
    if source.format == "text" and column:
        raise InputError(
            f"{path}: plain lines have no columns; leave --column out, or use --format"
        )
    number = column or "1"
    placed = number.isdecimal() and int(number) > 0
    if source.format in ("csv", "tsv") and not header and not placed:
        raise InputError(f"{path}: without a header --column is a number from 1, found {column!r}")
    return source


def rows_read(source: Source) -> Iterator[Row | BadRow]:
    """All rows of *source*, good and bad, in order.

    Raises:
        InputError: for a missing column, or bytes that are not UTF-8.
    """
    with source.path.open(encoding="utf-8-sig", newline="", errors="strict") as file:
        try:
            yield from _READERS[source.format](source, file)
        except UnicodeDecodeError as error:
            place = f"{source.path}: not UTF-8 at byte {error.start} of a block"
            raise InputError(f"{place}; convert the file first") from error


def rows_count(source: Source) -> int:
    """About how many rows there are: lines, for the progress bar only."""
    with source.path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return max(0, lines - (source.header and source.format in ("csv", "tsv")))


def _table(source: Source, file: Any) -> Iterator[Row | BadRow]:
    tab = source.format == "tsv"
    # Tab-separated files carry quotation marks as they are.
    options: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tab else {}
    reader = csv.reader(file, strict=True, **options)
    index, name = _column(source, reader)
    number, line = -1, reader.line_num + 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            yield BadRow(number, line, name, f"malformed row: {error}")
            line = reader.line_num + 1
            continue
        if fields:
            number += 1
            yield _checked(number, line, name, fields[index] if index < len(fields) else None)
        line = reader.line_num + 1


def _column(source: Source, reader: Any) -> tuple[int, str]:
    """Index and name of the text column; reads the header where there is one."""
    if not source.header:
        number = int(source.column or "1")
        return number - 1, str(number)
    names: list[str] = next(reader, [])
    wanted = source.column or DEFAULT_COLUMN
    if wanted in names:
        return names.index(wanted), wanted
    if source.column is None and len(names) == 1:
        return 0, names[0]
    listed = ", ".join(map(repr, names)) or "none, the file is empty"
    raise InputError(
        f"{source.path}:1: no column {wanted!r}; there are: {listed}. "
        "Choose one with --column, or use --no-header and a number."
    )


def _jsonl(source: Source, file: Any) -> Iterator[Row | BadRow]:
    name = source.column or DEFAULT_COLUMN
    number = -1
    for line, content in enumerate(file, start=1):
        if not content.strip():
            continue
        number += 1
        try:
            value = json.loads(content)
        except ValueError as error:
            yield BadRow(number, line, name, f"malformed row: {error}")
            continue
        if isinstance(value, str) and source.column is None:
            yield _checked(number, line, name, value)
        elif isinstance(value, dict):
            yield _checked(number, line, name, value.get(name))
        else:
            yield BadRow(number, line, name, "expected a JSON object")


def _lines(source: Source, file: Any) -> Iterator[Row | BadRow]:
    for number, content in enumerate(file):
        yield _checked(number, number + 1, "line", content.rstrip("\r\n"))


def _checked(number: int, line: int, column: str, value: Any) -> Row | BadRow:
    if value is None:
        return BadRow(number, line, column, "the row has no such column")
    problem = text_problem(value)
    if problem:
        return BadRow(number, line, column, problem.detail)
    try:
        value.encode()
    except UnicodeEncodeError:
        return BadRow(number, line, column, "the text holds a lone surrogate")
    return Row(number, line, value)


_READERS: dict[FileFormat, Callable[[Source, Any], Iterator[Row | BadRow]]] = {
    "csv": _table,
    "tsv": _table,
    "jsonl": _jsonl,
    "text": _lines,
}
