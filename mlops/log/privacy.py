"""What may be kept of a text: nothing, a keyed hash, or also its encrypted form."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts.api import User, audit_record, numbered_secrets
from mlops.log.records import Document, Kept
from mlops.log.redaction import text_redact

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

    from mlops.models import Prediction

NOTHING = Kept(None, None)
# As long as a signing key has to be.
MIN_SECRET = 32


class TextLockedError(ValueError):
    """A stored text cannot be read."""


@lru_cache(maxsize=4)
def _hasher(purpose: bytes, secret: str) -> hashlib.blake2b:
    """To be copied: the key has been taken in already."""
    key = hashlib.blake2b(secret.encode(), person=purpose, digest_size=32).digest()
    return hashlib.blake2b(digest_size=16, key=key)


def text_hash(text: str) -> bytes:
    """128 bits under a key of ours: equal texts are seen to be equal, guesses cannot be tested."""
    return _digest(_hasher(b"valence.log.text", settings.LOG_HASH_SECRET).copy(), text)


def _digest(hasher: hashlib.blake2b, text: str) -> bytes:
    hasher.update(text.encode())
    return hasher.digest()


def subject_hash(user_id: bytes, subject: str) -> bytes:
    """The same for a subject; one user's subjects are not those of another."""
    hasher = _hasher(b"valence.log.sub", settings.LOG_HASH_SECRET).copy()
    hasher.update(user_id)
    return _digest(hasher, subject)


def texts_keep(documents: Sequence[Document], policy: str) -> list[Kept]:
    """What *policy* has kept of the texts; encrypted here already, so that the spool is, too."""
    if policy == "none":
        return [NOTHING] * len(documents)
    if policy == "hash":
        # The usual case, of up to a hundred texts: the hasher is looked up once.
        hasher = _hasher(b"valence.log.text", settings.LOG_HASH_SECRET)
        return [Kept(_digest(hasher.copy(), document.text), None) for document in documents]
    shown = text_redact if policy == "redacted" else str
    return [
        Kept(text_hash(document.text), text_seal(shown(document.text))) for document in documents
    ]


def text_seal(text: str) -> bytes:
    """*text*, encrypted under the newest key."""
    return _fernet(settings.LOG_TEXT_KEYS, settings.SECRET_KEY).encrypt(text.encode())


def text_open(sealed: bytes) -> str:
    """What ``text_seal`` closed, under whatever key.

    Raises:
        TextLockedError: if its key is gone.
    """
    from cryptography.fernet import InvalidToken

    try:
        opened = _fernet(settings.LOG_TEXT_KEYS, settings.SECRET_KEY).decrypt(bytes(sealed))
    except InvalidToken as error:
        raise TextLockedError("the key of this text is not in LOG_TEXT_KEYS any more") from error
    return opened.decode()


def text_keys() -> dict[int, bytes]:
    """The keys by number; 0, derived from SECRET_KEY, is always there.

    Raises:
        ImproperlyConfigured: if LOG_TEXT_KEYS cannot be read.
    """
    configured = settings.LOG_TEXT_KEYS
    keys = numbered_secrets("LOG_TEXT_KEYS", configured, MIN_SECRET) if configured else {}
    return {0: settings.SECRET_KEY.encode(), **keys}


@lru_cache(maxsize=4)
def _fernet(configured: str, secret_key: str) -> MultiFernet:
    """The newest key first: it encrypts. Keyed by the settings, which tests change."""
    from cryptography.fernet import Fernet, MultiFernet  # not needed unless texts are kept

    secrets = sorted(text_keys().items(), reverse=True)
    digests = (
        hashlib.blake2b(secret, person=b"valence.log.fern", digest_size=32).digest()
        for _, secret in secrets
    )
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def text_read(*, row: Prediction, actor: User, request: HttpRequest | Request) -> str | None:
    """The kept text of *row*; None if there is none. Whoever reads one is written down.

    A text of one's own may be read by its sender; those of others need a right of its own.

    Raises:
        PermissionDenied: without it.
        TextLockedError: if its key is gone.
    """
    if row.text is None:
        return None
    if row.user_id != actor.pk and not actor.has_perm("mlops.read_prediction_text"):
        raise PermissionDenied("Texts of others are for those who may read kept texts.")
    audit_record("prediction_text_read", actor=actor, target=row.pk, request=request)
    return text_open(bytes(row.text))
