"""A tokeniser for plain texts: the same tokens, without looking for what they have none of.

Ours spells out emoji, a pattern for each family of them, which is half of what a short text costs
to tokenise. Plain is what keyboards and phones write without them: ASCII, curly quotes, dashes.
So are 39 texts of 40.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tokenizers import Tokenizer, normalizers

# Curly quotes, dashes, the ellipsis: no normaliser of ours folds them; each is a word by itself.
TYPOGRAPHIC = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026"
_PLAIN = re.compile(f"[\x00-\x7f{TYPOGRAPHIC}]*")
_RANGES = re.compile("(.)-(.)")
# What a pattern may hold beside other characters to match nothing without one of them:
# classes, alternatives, options. Not "^", which would turn a class around.
_SYNTAX = frozenset("[]|?-")


def plain_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """One that gives plain texts the tokens that *tokenizer* gives them.

    Returns:
        *tokenizer* itself where nothing can be left out. Else a new one around the same
        vocabulary, which is in memory once; without truncation and padding.
    """
    kept = _kept(tokenizer.normalizer)
    if kept is None:
        return tokenizer
    plain = Tokenizer(tokenizer.model)
    plain.normalizer = normalizers.Sequence(kept)
    plain.pre_tokenizer = tokenizer.pre_tokenizer
    plain.post_processor = tokenizer.post_processor
    for _, token in sorted(tokenizer.get_added_tokens_decoder().items()):
        (plain.add_special_tokens if token.special else plain.add_tokens)([token])
    return plain


def is_plain(text: str) -> bool:
    """Whether ``plain_tokenizer`` may read *text*."""
    return _PLAIN.fullmatch(text) is not None


def steps_told(normalizer: Any) -> list[dict[str, Any]]:
    """Each step of *normalizer* as a tokeniser's file has it; none of None."""
    if normalizer is None:
        return []
    state: dict[str, Any] = json.loads(normalizer.__getstate__())
    steps: list[dict[str, Any]] = state.get("normalizers", [state])
    return steps


def _kept(sequence: Any) -> list[Any] | None:
    """The steps of *sequence* that change plain texts; None if all may."""
    if not isinstance(sequence, normalizers.Sequence):
        return None
    told = steps_told(sequence)
    steps = [sequence[index] for index in range(len(told))]
    kept, done = [], 0
    for step, state in zip(steps, told, strict=True):
        # Whatever comes after one that may make other characters sees those, too.
        if state["type"] != "Replace" or not state["content"].isascii():
            break
        done += 1
        if not _idle(step, state):
            kept.append(step)
    return [*kept, *steps[done:]] if len(kept) < done else None


def _idle(step: Any, state: dict[str, Any]) -> bool:
    """Whether a replacement finds nothing in plain texts."""
    pattern = next(iter(state["pattern"].values()))
    beyond = all(letter in _SYNTAX or not is_plain(letter) for letter in pattern)
    across = any(
        first < each < last for first, last in _RANGES.findall(pattern) for each in TYPOGRAPHIC
    )
    # A pattern of nothing but options would match between any two letters.
    return beyond and not across and step.normalize_str("a") == "a"
