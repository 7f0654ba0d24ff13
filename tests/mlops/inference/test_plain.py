"""The tokeniser for plain texts: the same tokens as the whole one, for less."""

from __future__ import annotations

import random
import string

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers

from mlops.inference.artifact import TOKENIZER_NAME
from mlops.inference.plain import TYPOGRAPHIC, is_plain, plain_tokenizer
from mlops.inference.tokenization import TextTokenizer

AWKWARD = (
    "",
    "thank you Sarah, you're the best!!! :-)",
    "[MASK] and [CLS][SEP] are only words here, [NAME] too",
    "/r/all said u/somebody <3 ... WTF\t\x7f\x00 100%",
    "“Sarah’s” – ‘don’t’…—",
)
BEYOND = ("so sad 😭", "‹quoted›", "naïve", "🏻‍♀️")


def noise(seed: int) -> str:
    return "".join(random.Random(seed).choices(string.printable + TYPOGRAPHIC * 2, k=80))


@pytest.fixture(scope="session")
def whole(version_folder_int8) -> Tokenizer:
    return Tokenizer.from_file(str(version_folder_int8 / TOKENIZER_NAME))


def steps(*each: normalizers.Normalizer) -> Tokenizer:
    made = Tokenizer(models.WordLevel({"a": 0}, "a"))
    made.normalizer = normalizers.Sequence(list(each))
    return made


@pytest.mark.parametrize("text", [*AWKWARD, *map(noise, range(50))])
def test_it_works(whole, text):
    plain = plain_tokenizer(whole)
    assert plain.encode(text).ids == whole.encode(text).ids


def test_what_is_plain():
    assert all(map(is_plain, AWKWARD))
    assert not any(map(is_plain, BEYOND))


def test_the_shipped_one_looks_for_no_emoji(whole):
    assert len(plain_tokenizer(whole).normalizer) < len(whole.normalizer) / 10


def test_texts_of_both_kinds_keep_their_places(version_folder_int8, whole):
    texts = [*AWKWARD, *BEYOND, *map(noise, range(5)), *BEYOND]
    encoded = TextTokenizer(version_folder_int8, 512).encode(texts)
    assert [list(each.windows[0]) for each in encoded] == [whole.encode(text).ids for text in texts]


@pytest.mark.parametrize("pattern", ["[^é]", "é?", "[éa]", r"\x{e9}", "é|a", "é|…", "[‐-―]é?"])
def test_what_may_change_plain_texts_stays(pattern):
    stays = normalizers.Replace(Regex(pattern), "x")
    plain = plain_tokenizer(steps(stays, normalizers.Replace("é", "e")))
    assert plain.normalizer.__getstate__() == steps(stays).normalizer.__getstate__()


def test_what_follows_a_step_that_leaves_ascii_stays():
    tokenizer = steps(normalizers.Replace("a", "é"), normalizers.Replace("é", "e"))
    assert plain_tokenizer(tokenizer) is tokenizer


def test_without_steps_there_is_nothing_to_leave_out():
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, "a"))
    assert plain_tokenizer(tokenizer) is tokenizer
