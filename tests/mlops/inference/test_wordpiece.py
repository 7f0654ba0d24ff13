"""WordPiece in plain Python: to the token what the library makes of a text, or nothing."""

from __future__ import annotations

import random
import string

import pytest
from django.conf import settings
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from mlops.inference.artifact import TOKENIZER_NAME
from mlops.inference.plain import TYPOGRAPHIC, plain_tokenizer
from mlops.inference.tokenization import MANY, TextTokenizer
from mlops.inference.wordpiece import MAX_CHARACTERS, WordPiece

NAMES = settings.BASE_DIR / "mlops" / "training" / "names.txt"
VOCABULARY = ["[UNK]", "[CLS]", "[SEP]", "a", "ab", "##b", "##ab", "b", "#", "name", "[", "]", "."]
AWKWARD = (
    "",
    "thank you Sarah, you're the best!!! :-)",
    "sarah_ _Sarah sarah's SARAH.Ann (o'Brien) 0sarah sarahs",
    "[NAME] and [cls] are words, ##ing too; # ## ###",
    "/r/all said u/somebody <3 ... WTF 100% of 827163 __init__",
    "don’t “quote” me – or ‘him’—Sarah’s… ’tis …naively spelt",
    "a" * 100 + " " + "a" * 101,
    "unbelievablyantidisestablishmentarian zzqxj",
)
BEYOND = ("so sad 😭", "naïve", "only [MASK] or [SEP]", "a\x7fb", "a\x00b", "a " * MAX_CHARACTERS)


@pytest.fixture(scope="session")
def library(version_folder_int8) -> Tokenizer:
    return Tokenizer.from_file(str(version_folder_int8 / TOKENIZER_NAME))


@pytest.fixture(scope="session")
def words(library) -> WordPiece:
    made = WordPiece.of(plain_tokenizer(library))
    assert made
    return made


def small(
    normalizer=None, model=None, pre_tokenizer=None, template="[CLS] $A [SEP]", added=()
) -> Tokenizer:
    ids = {token: number for number, token in enumerate(VOCABULARY)}
    made = Tokenizer(model or models.WordPiece(ids, unk_token="[UNK]"))
    made.normalizer = normalizer or normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizer or pre_tokenizers.BertPreTokenizer()
    if template:
        made.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
    made.add_tokens(list(added))
    return made


def after(step: normalizers.Normalizer) -> normalizers.Normalizer:
    return normalizers.Sequence([step, normalizers.BertNormalizer()])


def noise(seed: int) -> str:
    """Letters, signs and names in a wild order, on one line."""
    chooser = random.Random(seed)
    letters = "".join(chooser.choices(string.printable[:95] + TYPOGRAPHIC * 2, k=120))
    return " ".join([*letters.split(), "Maria", str(seed)])


@pytest.mark.parametrize("text", [*AWKWARD, *map(noise, range(100))])
def test_it_works(words, library, text):
    assert words.encode(text) == tuple(library.encode(text).ids)


def test_every_name_is_taken_for_one_where_the_library_does(words, library):
    for name in NAMES.read_text(encoding="utf-8").split():
        text = f"{name}, {name.upper()}'s {name}s _{name} {name}-{name}. Mc{name}"
        assert words.encode(text) in (None, tuple(library.encode(text).ids)), name


def test_prose_has_the_same_tokens(words, library):
    paths = (settings.BASE_DIR / "docs").glob("*.md")
    texts = [" ".join(line.split()) for path in paths for line in path.read_text().splitlines()]
    encoded = {text: words.encode(text) for text in texts}
    read = {text: ids for text, ids in encoded.items() if ids is not None}
    assert len(read) > 500
    assert read == {text: tuple(library.encode(text).ids) for text in read}


@pytest.mark.parametrize("text", BEYOND)
def test_what_takes_the_library_is_left_to_it(words, text):
    assert words.encode(text) is None


@pytest.mark.parametrize("text", [*AWKWARD, *BEYOND, "not so long, " * 40])
def test_callers_get_the_librarys_tokens_either_way(version_folder_int8, library, text):
    (encoded,) = TextTokenizer(version_folder_int8, 5000).encode([text])
    assert encoded.windows == (tuple(library.encode(text).ids),)
    assert encoded.tokens == len(encoded.windows[0])
    assert encoded.unknown == encoded.windows[0].count(library.token_to_id("[UNK]"))


def test_many_texts_at_a_time_are_read_by_the_library(version_folder_int8, monkeypatch):
    tokenizer = TextTokenizer(version_folder_int8, 128)
    texts = [*AWKWARD, *map(noise, range(MANY))]
    one_by_one = [encoded for text in texts for encoded in tokenizer.encode([text])]
    monkeypatch.setattr(WordPiece, "encode", None)
    assert tokenizer.encode(texts) == one_by_one


def test_what_its_file_says_of_padding_is_left_out(tmp_path, library):
    whole = Tokenizer.from_str(library.to_str())
    whole.enable_padding(length=128)
    whole.save(str(tmp_path / TOKENIZER_NAME))
    (encoded,) = TextTokenizer(tmp_path, 128).encode([AWKWARD[1]])
    assert encoded.windows == (tuple(library.encode(AWKWARD[1]).ids),)


def test_without_a_normaliser_it_is_none_of_it():
    made = small()
    made.normalizer = None
    assert WordPiece.of(made) is None


def test_a_text_longer_than_a_window_gets_several(version_folder_int8):
    (encoded,) = TextTokenizer(version_folder_int8, 16).encode(["good " * 40])
    assert len(encoded.windows) > 1
    assert max(map(len, encoded.windows)) == 16


@pytest.mark.parametrize(
    "step",
    [
        normalizers.Replace("a.b", "name"),
        normalizers.Replace(Regex(r"\b(?i:a(?:b)?|xy)\b"), "[NAME]"),
        normalizers.Replace("b", r"\1\\"),
    ],
)
def test_what_is_replaced_is_replaced_here_too(step):
    library = small(after(step))
    made = WordPiece.of(library)
    assert made
    for text in ("a.b axb", "AB ab abb ABB", "xy x y", "b\\1"):
        assert made.encode(text) == tuple(library.encode(text).ids), text


@pytest.mark.parametrize(
    "tokenizer",
    [
        small(model=models.WordLevel({"a": 0}, "a")),
        small(pre_tokenizer=pre_tokenizers.Whitespace()),
        small(template=""),
        small(normalizer=normalizers.Lowercase()),
        small(after(normalizers.Lowercase())),
        small(after(normalizers.Replace(Regex(r"a+"), "b"))),
        small(after(normalizers.Replace(Regex(r"a?"), "b"))),
        small(after(normalizers.Replace("a", "é"))),
        small(after(normalizers.Replace("a", "\t"))),
        small(after(normalizers.Replace("a", ""))),
        small(added=[AddedToken("abc", normalized=True)]),
        small(model=models.WordPiece({"b": 0}, unk_token="[UNK]")),
        small(model=models.WordPiece({"[UNK]": 0, "ab": 1}, max_input_chars_per_word=4)),
        small(template="$A $A"),
    ],
)
def test_another_kind_of_tokeniser_is_none_of_it(tokenizer):
    assert WordPiece.of(tokenizer) is None
