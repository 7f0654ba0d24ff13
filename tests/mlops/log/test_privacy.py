"""What is kept of a text, and who could read it"""

from __future__ import annotations

import pytest

from mlops.log.privacy import (
    TextLockedError,
    subject_hash,
    text_hash,
    text_open,
    text_seal,
    texts_keep,
)
from mlops.log.records import Document

TEXT = "Write to ada@example.org, thank you"


def kept(policy: str):
    return texts_keep([Document(TEXT, None)], policy)[0]


def test_it_works():
    assert kept("none") == (None, None)
    assert kept("hash") == (text_hash(TEXT), None)
    assert text_open(kept("full").text) == TEXT
    assert text_open(kept("redacted").text) == "Write to [email], thank you"
    assert b"thank" not in kept("full").text


def test_hashes_are_under_a_key_and_a_subject_is_one_users(settings):
    before = text_hash(TEXT), subject_hash(b"u" * 16, "7")
    assert subject_hash(b"v" * 16, "7") != before[1]
    settings.LOG_HASH_SECRET = "another"
    assert text_hash(TEXT) != before[0]
    assert subject_hash(b"u" * 16, "7") != before[1]


def test_keys_rotate(settings):
    settings.LOG_TEXT_KEYS = f"1:{'a' * 32}"
    old = text_seal(TEXT)
    settings.LOG_TEXT_KEYS = f"1:{'a' * 32},2:{'b' * 32}"
    assert text_open(old) == TEXT
    new = text_seal(TEXT)
    settings.LOG_TEXT_KEYS = f"2:{'b' * 32}"
    assert text_open(new) == TEXT
    with pytest.raises(TextLockedError, match="LOG_TEXT_KEYS"):
        text_open(old)
