from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer

from mlops.training.augment import (
    gender_swapped,
    gendered_rows,
    masked_rows,
    masks_filled,
    misspelt,
    names_read,
)
from mlops.training.negation import negation_rows
from mlops.training.normalization import emoji_as_words, names_as_mask, trie_pattern
from tests.mlops.training.corpus import base_write


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def tokenizer(tmp_path):
    return Tokenizer.from_file(str(base_write(tmp_path / "base") / "tokenizer.json"))


def test_it_works(rng):
    assert masked_rows(["hi [NAME]", "hi you", "a [RELIGION] man"]) == [0, 2]
    assert masks_filled("hi [NAME]", ["Wei"], rng) == "hi Wei"


def test_every_mask_is_filled(rng):
    filled = masks_filled("[NAME] and [NAME], both [RELIGION]", names_read(), rng)
    assert "[" not in filled


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("He told her to go to her room", "She told him to go to his room"),
        ("my brother and his wife", "my sister and her husband"),
        ("I love her", "I love him"),
        ("the weather is there", "the weather is there"),
    ],
)
def test_he_becomes_she_and_she_he(text, swapped):
    assert gender_swapped(text) == swapped


def test_only_rows_that_speak_of_he_or_she_are_gendered():
    assert gendered_rows(["she left", "they left", "His dog"]) == [0, 2]


def test_a_slip_changes_long_words_only(rng):
    assert misspelt("it is so", rng) == "it is so"
    assert misspelt("wonderful", rng) != "wonderful"


def test_slips_are_the_same_for_the_same_seed():
    text = "a rather ordinary sentence with several longer words"
    slips = {misspelt(text, np.random.default_rng(5)) for _ in range(3)}
    assert len(slips) == 1


def test_negations_never_keep_the_feeling():
    labels = ["joy", "anger", "neutral", "disappointment"]
    rows = negation_rows(labels, seed=1)
    angry = [i for i, text in enumerate(rows.texts) if "angry" in text and "don't feel" in text]
    assert all(rows.targets[i, labels.index("anger")] < 0.1 for i in angry)
    assert rows.targets.max() <= 1
    assert rows.texts == negation_rows(labels, seed=1).texts


def test_emoji_reach_the_encoder_as_words(tokenizer):
    emoji_as_words(tokenizer)
    assert tokenizer.normalizer.normalize_str("ok 😂").split() == ["ok", "haha"]
    shrug = tokenizer.normalizer.normalize_str("🤷🏽\u200d♀️").split()
    assert shrug == ["shrug", "i", "do", "not", "know"]


def test_listed_names_are_read_as_the_mask_whatever_their_case(tokenizer):
    names_as_mask(tokenizer)
    for text in ("Emily left", "emily left", "JAMAL left"):
        assert tokenizer.normalizer.normalize_str(text) == "[name] left"
    assert tokenizer.normalizer.normalize_str("Emilys paul-like") == "emilys [name]-like"


def test_offsets_still_point_into_the_text_as_sent(tokenizer):
    names_as_mask(tokenizer)
    text = "Emily good"
    assert text[slice(*tokenizer.encode(text).offsets[-2])] == "good"


def test_names_that_are_words_are_not_listed():
    words = {"mark", "will", "grace", "hope", "joy", "rose", "bill", "karen", "may"}
    assert not words & {name.lower() for name in names_read()}


def test_the_pattern_matches_its_words_and_nothing_else():
    import re

    pattern = re.compile(trie_pattern(["an", "ana", "bo", "anabel"]))
    assert all(pattern.fullmatch(word) for word in ("an", "ana", "bo", "anabel"))
    assert not any(pattern.fullmatch(word) for word in ("a", "anab", "b", "boo", ""))
