"""Sentence boundaries with offsets in Unicode code points. Knows no model and no database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# After these a full stop does not end a sentence.
_ABBREVIATIONS = frozenset(
    ["mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "eg", "ie", "e.g", "i.e"]
    + ["a.m", "p.m", "no", "inc", "ltd", "co", "fig", "approx"]
)
# An end mark with closing quotes or brackets, then white space; or a line break by itself.
_BOUNDARY = re.compile(
    r"[.!?…。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]+|\n+"  # noqa: RUF001 - East Asian marks are meant
)
_LAST_WORD = re.compile(r"([A-Za-z.]+)\.$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text[start:end]`` of the document, without surrounding white space."""

    start: int
    end: int
    text: str


def sentences_split(text: str) -> list[Sentence]:
    """The sentences of *text* in order; every character that is not white space is in one."""
    spans = list(_spans(text))
    return [Sentence(start, end, text[start:end]) for start, end in spans]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        if _is_abbreviation(text[start : boundary.end()]):
            continue
        yield from _trimmed(text, start, boundary.end())
        start = boundary.end()
    yield from _trimmed(text, start, len(text))


def _is_abbreviation(candidate: str) -> bool:
    word = _LAST_WORD.search(candidate)
    if not word:
        return False
    name = word.group(1).lower()
    initial = len(name) == 1 and name != "i"
    return name in _ABBREVIATIONS or initial


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    part = text[start:end]
    stripped = part.strip()
    if stripped:
        offset = start + part.index(stripped[0])
        yield offset, offset + len(stripped)
