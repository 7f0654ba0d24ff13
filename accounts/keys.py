"""The format of API keys, and their hashing. Knows no database.

``val_<id>_<secret>``: a prefix for secret scanners, an id to look the row up, and a secret of
which the last six characters are a checksum, so that a typing error needs no query.
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
from django.core.exceptions import ImproperlyConfigured

PREFIX = "val"
_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12
# 36 characters of 62 carry 214 bits.
_SECRET_LENGTH = 36
_CHECKSUM_LENGTH = 6
PATTERN = re.compile(
    rf"{PREFIX}_([A-Za-z0-9]{{{_ID_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH + _CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A well-formed key; nothing is said about whether it is valid."""

    lookup_id: str
    secret: str

    @property
    def plaintext(self) -> str:
        """The key as its owner writes it."""
        return f"{PREFIX}_{self.lookup_id}_{self.secret}"


def key_generate() -> ParsedKey:
    """A new random key."""
    lookup_id, body = _random(_ID_LENGTH), _random(_SECRET_LENGTH)
    return ParsedKey(lookup_id, body + _checksum(lookup_id, body))


def key_parse(value: str) -> ParsedKey | None:
    """The parts of *value*, or None if it is not of the form or its checksum is wrong."""
    match = PATTERN.fullmatch(value)
    if not match:
        return None
    lookup_id, secret = match.groups()
    body, checksum = secret[:_SECRET_LENGTH], secret[_SECRET_LENGTH:]
    return ParsedKey(lookup_id, secret) if _checksum(lookup_id, body) == checksum else None


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


@lru_cache(maxsize=8)
def peppers(configured: str, secret_key: str) -> dict[int, bytes]:
    """The peppers by number, from ``1:secret,2:secret``; else number 0, derived from SECRET_KEY.

    Raises:
        ImproperlyConfigured: if the setting is not of that form.
    """
    if not configured:
        derived = hmac.new(secret_key.encode(), b"valence.api-key-pepper", hashlib.sha256)
        return {0: derived.digest()}
    result: dict[int, bytes] = {}
    for part in configured.split(","):
        number, separator, secret = part.strip().partition(":")
        if not separator or not number.isdigit() or len(secret) < 16:
            raise ImproperlyConfigured(
                "API_KEY_PEPPERS: expected number:secret pairs separated by commas, "
                "each secret of 16 characters or more"
            )
        result[int(number)] = secret.encode()
    return result


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(lookup_id: str, body: str) -> str:
    value = zlib.crc32(f"{lookup_id}{body}".encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        value, remainder = divmod(value, len(_ALPHABET))
        digits.append(_ALPHABET[remainder])
    return "".join(digits)
