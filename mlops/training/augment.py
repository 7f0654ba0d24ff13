"""Varied copies of training texts: names for masks, the other gender, slips of the keyboard."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# GoEmotions masks names and religions; production text holds real ones (Demszky et al. 2020).
NAME_MASK = "[NAME]"
RELIGION_MASK = "[RELIGION]"
RELIGIONS = (
    "Christianity",
    "Islam",
    "Judaism",
    "Hinduism",
    "Buddhism",
    "Catholic",
    "Muslim",
    "Christian",
    "Jewish",
    "Hindu",
    "Buddhist",
    "Sikh",
)

_PAIRS = (
    "he/she himself/herself man/woman men/women boy/girl boys/girls guy/girl brother/sister "
    "brothers/sisters father/mother dad/mom son/daughter husband/wife boyfriend/girlfriend "
    "uncle/aunt grandfather/grandmother grandpa/grandma king/queen gentleman/lady"
)
# "her" is "his" before a noun and "him" elsewhere: decided in _other_gender.
_OTHER = {"him": "her", "his": "her", "he's": "she's", "she's": "he's"} | {
    word: other
    for pair in _PAIRS.split()
    for word, other in (pair.split("/"), reversed(pair.split("/")))
    if word != "girl" or other == "boy"
}
_GENDERED = re.compile(
    rf"\b({'|'.join(sorted([*_OTHER, 'her'], key=len, reverse=True))})\b", re.IGNORECASE
)
# Words that differ in gender only; "his" and "him" are both "her".
GENDER_SETS = (
    ("his", "him", "her"),
    *(tuple(pair.split("/")) for pair in _PAIRS.split() if pair != "guy/girl"),
)
# What may follow "her" where it stands for a person and not for what is hers.
_NO_NOUN = {
    "and",
    "or",
    "but",
    "to",
    "for",
    "in",
    "on",
    "at",
    "so",
    "is",
    "was",
    "when",
    "if",
    "the",
}


def names_read() -> tuple[str, ...]:
    """First names from many parts of the world, as many of women as of men."""
    path = Path(__file__).parent / "names.txt"
    return tuple(path.read_text(encoding="utf-8").split())


def masked_rows(texts: Sequence[str]) -> list[int]:
    """Indices of the texts that hold a mask."""
    return [i for i, text in enumerate(texts) if NAME_MASK in text or RELIGION_MASK in text]


def masks_filled(text: str, names: Sequence[str], rng: np.random.Generator) -> str:
    """*text* with every mask replaced, each by its own random name or religion."""
    for mask, choices in ((NAME_MASK, names), (RELIGION_MASK, RELIGIONS)):
        while mask in text:
            text = text.replace(mask, str(rng.choice(choices)), 1)
    return text


def gendered_rows(texts: Sequence[str]) -> list[int]:
    """Indices of the texts that speak of a he or a she."""
    return [index for index, text in enumerate(texts) if _GENDERED.search(text)]


def gender_swapped(text: str) -> str:
    """*text* about the other gender: counterfactual augmentation (Lu et al. 2018, 1807.11714)."""
    return _GENDERED.sub(_other_gender, text)


def _other_gender(match: re.Match[str]) -> str:
    word = match[0]
    if word.lower() == "her":
        following = re.match(r"\s+([A-Za-z]+)", match.string[match.end() :])
        other = "his" if following and following[1].lower() not in _NO_NOUN else "him"
    else:
        other = _OTHER[word.lower()]
    return other.capitalize() if word[0].isupper() else other


def misspelt(text: str, rng: np.random.Generator) -> str:
    """*text* with one slip of the keyboard in about one word of six, at least in one.

    Letters are swapped, dropped or doubled inside words of four letters or more.
    """
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    if not long:
        return text
    slips = min(len(long), max(1, len(words) // 6))
    for index in rng.choice(long, slips, replace=False):
        words[index] = _slip(words[index], rng)
    return " ".join(words)


def _slip(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(1, len(word) - 1))
    kind = rng.integers(3)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at] + word[at:]
