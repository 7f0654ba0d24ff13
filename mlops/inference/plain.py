"""A tokeniser for ASCII alone: the same tokens, without looking for what ASCII has none of.

Ours spells out emoji, a pattern for each family of them, which is half of what a short text costs
to tokenise. Six texts of seven are ASCII.
"""

from __future__ import annotations

import json
from typing import Any

from tokenizers import Tokenizer, normalizers

# What a pattern may hold beside characters beyond ASCII to match nothing without one of them:
# classes, alternatives, options. Not "^", which would turn a class around.
_SYNTAX = frozenset("[]|?-")


def plain_tokenizer(tokenizer: Tokenizer) -> Tokenizer:
    """One that gives texts of ASCII the tokens that *tokenizer* gives them.

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


def steps_told(normalizer: Any) -> list[dict[str, Any]]:
    """Each step of *normalizer* as a tokeniser's file has it; none of None."""
    if normalizer is None:
        return []
    state: dict[str, Any] = json.loads(normalizer.__getstate__())
    steps: list[dict[str, Any]] = state.get("normalizers", [state])
    return steps


def _kept(sequence: Any) -> list[Any] | None:
    """The steps of *sequence* that change ASCII; None if all may."""
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
    """Whether a replacement finds nothing in ASCII."""
    pattern = next(iter(state["pattern"].values()))
    beyond = all(not letter.isascii() or letter in _SYNTAX for letter in pattern)
    # A pattern of nothing but options would match between any two letters.
    return beyond and step.normalize_str("a") == "a"
