"""Texts to token ids with ``tokenizers``; long texts become overlapping windows."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import compress
from operator import not_
from pathlib import Path
from typing import NamedTuple

from tokenizers import Encoding, Tokenizer

from mlops.inference.artifact import TOKENIZER_NAME
from mlops.inference.errors import TokenizerMissingError
from mlops.inference.plain import is_plain, plain_tokenizer
from mlops.inference.wordpiece import WordPiece

# Neighbouring windows share a quarter of their tokens, so that no sentence is seen only in halves.
WINDOW_OVERLAP = 0.25
# More texts are worth the library's threads, which leave the interpreter's lock to others: a GPU's
# passes are launched meanwhile.
MANY = 256


class EncodedText(NamedTuple):
    """One text as one or more windows of at most ``max_length`` token ids each.

    ``tokens`` counts the text once: special tokens in, overlaps out. ``unknown`` are those that
    the vocabulary has no word for.
    """

    windows: tuple[tuple[int, ...], ...]
    tokens: int
    unknown: int = 0

    @property
    def cost(self) -> int:
        """Token positions that its windows occupy in a batch."""
        return sum(map(len, self.windows))


def text_normalise(text: str) -> str:
    """The form in which a text is keyed and read: NFC, runs of white space as single spaces.

    Texts that differ only in this share one cache entry, because they are the same input.
    """
    composed = text if text.isascii() else unicodedata.normalize("NFC", text)
    return " ".join(composed.split())


class TextTokenizer:
    """The artifact's own tokeniser. Safe for threads: encoding changes no state."""

    def __init__(self, folder: Path, max_length: int) -> None:
        path = folder / TOKENIZER_NAME
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise TokenizerMissingError(f"{path}: not a tokeniser: {error}") from error
        self._plain = plain_tokenizer(self._tokenizer)
        self._max_length, self._stride = max_length, int(max_length * WINDOW_OVERLAP)
        for each in (self._tokenizer, self._plain):
            each.no_padding()
            each.enable_truncation(max_length, stride=self._stride)
        self._words = WordPiece.of(self._plain)
        self.pad_id = _known_id(self._tokenizer, ("[PAD]", "<pad>", "<|padding|>"), 0)
        # -1: a vocabulary of bytes has a token for everything.
        self._unknown_id = _known_id(self._tokenizer, ("[UNK]", "<unk>"), -1)

    def encode(self, texts: Sequence[str]) -> list[EncodedText]:
        """One ``EncodedText`` per text, in order; nothing is cut."""
        if len(texts) > MANY:
            return self._by_library(texts)
        known = [self._by_words(text) for text in texts]
        left = [*compress(texts, map(not_, known))]
        rest = iter(self._by_library(left) if left else ())
        return [each or next(rest) for each in known]

    def _by_words(self, text: str) -> EncodedText | None:
        ids = self._words.encode(text) if self._words else None
        if ids is None or len(ids) > self._max_length:
            return None
        return EncodedText((ids,), len(ids), ids.count(self._unknown_id))

    def _by_library(self, texts: Sequence[str]) -> list[EncodedText]:
        if len(texts) == 1:
            # A batch of one would be sent through a thread pool for nothing.
            tokenizer = self._plain if is_plain(texts[0]) else self._tokenizer
            return [self._encoded(tokenizer.encode(texts[0]))]
        plain = [is_plain(text) for text in texts]
        some = iter(self._plain.encode_batch_fast([*compress(texts, plain)]))
        others = iter(self._tokenizer.encode_batch_fast([*compress(texts, map(not_, plain))]))
        return [self._encoded(next(some if each else others)) for each in plain]

    def _encoded(self, encoding: Encoding) -> EncodedText:
        parts = [encoding, *encoding.overflowing]
        windows = tuple([tuple(part.ids) for part in parts])
        tokens = len(windows[0])
        if len(windows) > 1:
            specials = sum(encoding.special_tokens_mask)
            tokens += sum(len(window) - specials - self._stride for window in windows[1:])
        unknown = sum([window.count(self._unknown_id) for window in windows])
        return EncodedText(windows, tokens, unknown)


def _known_id(tokenizer: Tokenizer, names: Sequence[str], default: int) -> int:
    known = (tokenizer.token_to_id(token) for token in names)
    return next((token_id for token_id in known if token_id is not None), default)
