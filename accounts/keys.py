"""The format of API keys, and their hashing. Knows no database.

``val_<id>_<secret>``: a prefix for secret scanners, an id to look the row up, and a secret of
which the last six characters are a checksum, so that scanners find keys without false alarms.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from accounts.numbered import numbered_secrets

KEY_PREFIX = "val"
_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12
# 36 characters of 62 carry 214 bits.
_SECRET_LENGTH = 36
_CHECKSUM_LENGTH = 6
MIN_PEPPER_LENGTH = 16
_ID, _SECRET = (
    rf"[A-Za-z0-9]{{{length}}}" for length in (_ID_LENGTH, _SECRET_LENGTH + _CHECKSUM_LENGTH)
)
PATTERN = re.compile(rf"{KEY_PREFIX}_({_ID})_({_SECRET})")


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A well-formed key; nothing is said about whether it is valid."""

    lookup_id: str
    secret: str

    @property
    def plaintext(self) -> str:
        """The key as its owner writes it."""
        return f"{KEY_PREFIX}_{self.lookup_id}_{self.secret}"


def key_generate() -> ParsedKey:
    """A new random key."""
    lookup_id, body = _random(_ID_LENGTH), _random(_SECRET_LENGTH)
    return ParsedKey(lookup_id, body + _checksum(lookup_id, body))


def key_parse(value: str) -> ParsedKey | None:
    """The parts of *value*, or None if it is not of the form.

    The checksum is left to scanners: refusing here what it shows to be wrong would answer some
    wrong keys sooner than others.
    """
    match = PATTERN.fullmatch(value)
    return ParsedKey(*match.groups()) if match else None


def checksum_valid(key: ParsedKey) -> bool:
    """Whether this can be a key of ours: false for one text in 56 billion of the same form."""
    body, checksum = key.secret[:_SECRET_LENGTH], key.secret[_SECRET_LENGTH:]
    return _checksum(key.lookup_id, body) == checksum


def key_digest(key: ParsedKey, pepper_number: int) -> str:
    """HMAC-SHA-256 of the whole key under the numbered pepper, hexadecimal.

    Raises:
        KeyError: if that pepper is not configured any more.
    """
    pepper = peppers(settings.API_KEY_PEPPERS, settings.SECRET_KEY)[pepper_number]
    return hmac.new(pepper, key.plaintext.encode(), hashlib.sha256).hexdigest()


def pepper_current() -> int:
    """The number of the pepper that hashes new keys: the highest."""
    return max(peppers(settings.API_KEY_PEPPERS, settings.SECRET_KEY))


def peppers(configured: str, secret_key: str) -> dict[int, bytes]:
    """The peppers by number, from ``1:secret,2:secret``.

    Number 0 is derived from SECRET_KEY, so that keys from before any was set go on.

    Raises:
        ImproperlyConfigured: if the setting is not of that form.
    """
    derived = _derived(secret_key)
    if not configured:
        return derived
    return derived | numbered_secrets("API_KEY_PEPPERS", configured, MIN_PEPPER_LENGTH)


@lru_cache(maxsize=2)
def _derived(secret_key: str) -> dict[int, bytes]:
    return {0: hmac.digest(secret_key.encode(), b"valence.api-key-pepper", hashlib.sha256)}


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(lookup_id: str, body: str) -> str:
    value = zlib.crc32(f"{lookup_id}{body}".encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        value, remainder = divmod(value, len(_ALPHABET))
        digits.append(_ALPHABET[remainder])
    return "".join(digits)
