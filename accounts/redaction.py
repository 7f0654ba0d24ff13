"""Keeps keys and tokens out of the log, also out of tracebacks."""

from __future__ import annotations

import logging
import re

from accounts.keys import KEY_PREFIX, PATTERN

# Three parts in base64url; the first is a JSON object.
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def redact(text: str) -> str:
    """*text* with the secret part of each key and each whole token taken out."""
    if f"{KEY_PREFIX}_" in text:
        text = PATTERN.sub(rf"{KEY_PREFIX}_\1_[redacted]", text)
    return _JWT.sub("[redacted token]", text) if "eyJ" in text else text


class RedactingFormatter(logging.Formatter):
    """Redacts the finished line, so that no way into it is missed."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
