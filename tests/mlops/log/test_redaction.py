"""What redaction finds, and what it leaves alone"""

from __future__ import annotations

import pytest

from mlops.log.redaction import text_redact

# The kind, and what must not be left of the text.
FOUND = [
    ("email", "ada@example.org"),
    ("email", "Ada.Lovelace+mail@mail.example.co.uk"),
    ("email", "müller@beispiel.de"),
    ("url", "https://example.org/a?user=ada"),
    ("url", "www.example.org/profile/ada"),
    ("phone", "+49 30 901820"),
    ("phone", "(555) 010-9999"),
    ("phone", "555-010-9999"),
    ("phone", "0044 20 7946 0958"),
    ("phone", "+33 1 99 00 12 34"),
    ("phone", "030/9018200"),
    ("card", "4111 1111 1111 1111"),
    ("card", "5500-0055-5555-5559"),
    ("card", "340000099900036"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB29NWBK60161331926819"),
    ("iban", "FR14 2004 1010 0505 0001 3M02 606"),
    ("address", "221B Baker Street"),
    ("address", "1600 Pennsylvania Ave"),
    ("address", "742 evergreen street"),
    ("address", "350 Fifth Avenue, Suite 3300"),
    ("address", "Hauptstraße 12a"),
    ("address", "Lindenweg 7"),
    ("address", "12 rue de la Paix"),
    ("address", "P.O. Box 1234"),
    ("ip", "192.0.2.146"),
    ("ip", "2001:db8:85a3:0:0:8a2e:370:7334"),
    ("key", "sk-proj-4f9d8a7b6c5e4d3c2b1a"),
    ("key", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("key", "AKIAIOSFODNN7EXAMPLE"),
    ("key", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w"),
    ("key", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c"),
]
LEFT = [
    "I have waited 10 days in this place and 3 weeks on the road",
    "It was 1984, then 2001-11-09, then 12:30 and 3.14159",
    "We won 3-2, 100,000 people came, that is 45.5 %",
    "The version is 2.10.4 and costs $1,299.99",
    "order number 4111 1111 1111 1112",
    "my favourite number is 123456",
    "antidisestablishmentarianism and supercalifragilisticexpialidocious",
    "DE12 3456 is no account",
    "@somebody said #hello at r/learnpython",
    "I am on my way, be there at 5 or 6",
]


@pytest.mark.parametrize(("kind", "secret"), FOUND, ids=lambda value: str(value)[:20])
def test_it_works(kind, secret):
    assert text_redact(f"Please use {secret}, thanks") == f"Please use [{kind}], thanks" or (
        # A URL ends where the white space is.
        kind == "url" and text_redact(f"Please use {secret}, thanks") == "Please use [url] thanks"
    )


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_alike_stays(text):
    assert text_redact(text) == text


def test_several_in_one_text():
    text = "Write to ada@example.org or call +49 30 901820 from 192.0.2.1"
    assert text_redact(text) == "Write to [email] or call [phone] from [ip]"


def test_a_long_text_takes_milliseconds():
    # Patterns that go back and forth over a text would take minutes here.
    for text in ("a1 " * 6_600, "1 " * 10_000, "a" * 20_000, "x@" * 10_000, "1-" * 10_000):
        text_redact(text)
