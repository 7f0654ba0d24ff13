"""Sentence boundaries"""

from __future__ import annotations

import pytest

from emotions.sentences import sentences_split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("No end mark", ["No end mark"]),
        ("Dr. Smith came at 3 p.m. to see us.", ["Dr. Smith came at 3 p.m. to see us."]),
        ('He said "stop." I did.', ['He said "stop."', "I did."]),
        ("It costs 3.50 euros. Fine.", ["It costs 3.50 euros.", "Fine."]),
        ("What?! Really...  Yes", ["What?!", "Really...", "Yes"]),
        ("line one\nline two", ["line one", "line two"]),
        ("これは良い。悪い！", ["これは良い。", "悪い！"]),
        ("😀 Hi. Bye 😀", ["😀 Hi.", "Bye 😀"]),
        ("So do I. Good.", ["So do I.", "Good."]),
        ("  \n ", []),
    ],
)
def test_it_works(text, expected):
    sentences = sentences_split(text)
    assert [sentence.text for sentence in sentences] == expected
    assert [text[sentence.start : sentence.end] for sentence in sentences] == expected


def test_only_white_space_is_left_out():
    text = "A b. C!  (D e?) 'F.' g\n\nh… i"
    kept = "".join(sentence.text for sentence in sentences_split(text))
    assert "".join(kept.split()) == "".join(text.split())


def test_twenty_thousand_marks_take_no_time_to_speak_of():
    assert len(sentences_split("." * 20_000)) == 1
    assert len(sentences_split("? " * 10_000)) == 10_000
