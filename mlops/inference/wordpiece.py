"""WordPiece in plain Python, for plain texts: the library's tokens in a third of its time.

The library also keeps each token's text, place and kind, of which nobody here asks anything. Its
words end at white space and punctuation, so that a text's tokens are those of its words, one after
the other, and nearly every word is a single look-up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from mlops.inference.plain import TYPOGRAPHIC, is_plain, steps_told

# Longer texts have more tokens than a window holds, mostly.
MAX_CHARACTERS = 1000
_WORDS = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9 ]")
# Patterns that Python's expressions and the library's read alike: letters, choices, borders.
_ALIKE = re.compile(r"(?:[A-Za-z0-9 |?)]|\\b|\(\?i?:)+")
_PROCESSORS = (processors.TemplateProcessing, processors.BertProcessing)
# Whatever else a tokeniser may do shows in one of these.
_PROBES = ("", "a", "Hello, World! It's 12:30_x", "unbelievable zzqxj ##a #1", f"a{TYPOGRAPHIC}b")


class _Replacement(NamedTuple):
    pattern: re.Pattern[str]
    content: str


class WordPiece:
    """The tokeniser that ``of`` finds in the library's. Safe for threads: nothing changes."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        vocabulary: Mapping[str, int],
        replacements: Sequence[_Replacement],
        ends: tuple[list[int], list[int]],
        *,
        lowercase: bool,
    ) -> None:
        model: Any = tokenizer.model
        self._vocabulary = vocabulary
        self._unknown = [vocabulary[model.unk_token]]
        self._prefix: str = model.continuing_subword_prefix
        self._longest_word: int = model.max_input_chars_per_word
        self._longest_piece = max(map(len, vocabulary))
        self._special = [each.content for each in tokenizer.get_added_tokens_decoder().values()]
        self._replacements, self._lowercase = replacements, lowercase
        self._before, self._after = ends

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self | None:
        """The same as *tokenizer*, which does not pad; None for a kind that cannot be had here."""
        # Once: the library copies all of its words.
        vocabulary = tokenizer.get_vocab(with_added_tokens=False)
        if not _is_wordpiece(tokenizer, vocabulary):
            return None
        ends, steps = _ends(tokenizer), steps_told(tokenizer.normalizer)
        if not ends or not steps:
            return None
        *first, last = steps
        replacements = [_replacement(step) for step in first]
        known = [each for each in replacements if each]
        if last["type"] != "BertNormalizer" or len(known) < len(replacements):
            return None
        made = cls(tokenizer, vocabulary, known, ends, lowercase=last["lowercase"])
        alike = (made.encode(text) == tuple(tokenizer.encode(text).ids) for text in _PROBES)
        return made if all(alike) else None

    def encode(self, text: str) -> tuple[int, ...] | None:
        """Token ids with the special ones; None for a text that takes the library to read."""
        if len(text) > MAX_CHARACTERS or not (is_plain(text) and text.isprintable()):
            return None
        if any(map(text.__contains__, self._special)):
            return None
        for pattern, content in self._replacements:
            text = pattern.sub(content, text)
        words = _WORDS.findall(text.lower() if self._lowercase else text)
        ids = list(self._before)
        for word in words:
            known = self._vocabulary.get(word)
            if known is None:
                ids += self._pieces(word)
            else:
                ids.append(known)
        return (*ids, *self._after)

    def _pieces(self, word: str) -> list[int]:
        """The longest piece that begins *word*, and so on with the rest (Wu et al. 2016)."""
        pieces: list[int] = []
        start = 0 if len(word) <= self._longest_word else len(word)
        while start < len(word):
            prefix = self._prefix if start else ""
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                piece = self._vocabulary.get(prefix + word[start:end])
                if piece is not None:
                    break
            else:
                return self._unknown
            pieces.append(piece)
            start = end
        return pieces or self._unknown


def _is_wordpiece(tokenizer: Tokenizer, vocabulary: Mapping[str, int]) -> bool:
    model: Any = tokenizer.model
    added = tokenizer.get_added_tokens_decoder().values()
    return (
        isinstance(model, models.WordPiece)
        and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        and isinstance(tokenizer.post_processor, _PROCESSORS)
        and model.unk_token in vocabulary
        and max(map(len, vocabulary)) <= model.max_input_chars_per_word
        # Those are looked for in what the normaliser makes of a text.
        and not any(token.normalized for token in added)
    )


def _replacement(step: Mapping[str, Any]) -> _Replacement | None:
    """A replacement that Python makes as the library does; None for any other step."""
    content = step.get("content", "")
    if step["type"] != "Replace" or not (content.isascii() and content.isprintable()):
        return None
    ((kind, pattern),) = step["pattern"].items()
    if kind == "String":
        pattern = re.escape(pattern)
    elif not _ALIKE.fullmatch(pattern):
        return None
    made = re.compile(pattern, re.ASCII)
    # Nothing is found between any two letters, where the two may count differently.
    return None if made.search("") else _Replacement(made, content.replace("\\", r"\\"))


def _ends(tokenizer: Tokenizer) -> tuple[list[int], list[int]] | None:
    """The special tokens before and after those of a text; None where that cannot be told."""
    whole, bare = (tokenizer.encode("a", add_special_tokens=each).ids for each in (True, False))
    if not bare or bare[0] not in whole:
        return None
    start = whole.index(bare[0])
    return whole[:start], whole[start + len(bare) :]
