"""The result cache: probabilities by model digest and text, in process and in Redis."""

from __future__ import annotations

import hashlib
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

Key = bytes
# Tokens, windows, unknown tokens; -1 stands for an unknown count of those.
_HEADER = struct.Struct("<IHi")


class CachedResult(NamedTuple):
    """The calibrated answer for one text: every presentation starts here.

    The key holds the model's digest, and its calibration with it.
    """

    # Packed probabilities of all labels.
    row: bytes
    tokens: int
    windows: int
    # Tokens without a word of their own.
    unknown: int | None = None

    def pack(self) -> bytes:
        """Compact bytes: a header of ten, then four for each label."""
        unknown = -1 if self.unknown is None else self.unknown
        return _HEADER.pack(self.tokens, self.windows, unknown) + self.row

    @classmethod
    def unpack(cls, data: bytes) -> CachedResult:
        """The inverse of ``pack``."""
        tokens, windows, unknown = _HEADER.unpack_from(data)
        return cls(data[_HEADER.size :], tokens, windows, None if unknown < 0 else unknown)


class SharedCache(Protocol):
    """The part of Django's cache interface that is used."""

    def get_many(self, keys: Any) -> Any: ...

    def set_many(self, data: Any, timeout: Any) -> Any: ...


class ResultCache:
    """L1, bounded and in process, over L2, shared by all processes, where there is one."""

    def __init__(
        self, *, size: int, shared: SharedCache | None, seconds: int, secret: bytes
    ) -> None:
        self._size, self._shared, self._seconds = size, shared, seconds
        self._secret = secret[:64]
        # As bytes: an object and an array for each would take as much again as they hold.
        self._entries: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, digest: str, text: str) -> Key:
        """A keyed hash: whoever reads Redis cannot test guesses of what was said."""
        hasher = _hasher(self._secret, digest).copy()
        hasher.update(text.encode())
        return hasher.digest()

    def get_many(self, keys: Iterable[Key]) -> dict[Key, CachedResult]:
        """What is known of *keys*."""
        kept, missing = {}, []
        with self._lock:
            for key in keys:
                data = self._entries.get(key)
                if data is None:
                    missing.append(key)
                else:
                    self._entries.move_to_end(key)
                    kept[key] = data
        if missing and self._shared:
            kept |= self._get_shared(missing)
        return {key: CachedResult.unpack(data) for key, data in kept.items()}

    def keep(self, entries: Mapping[Key, CachedResult]) -> None:
        """Keep *entries*, and tell the other processes; what was used longest ago goes."""
        packed = {key: entry.pack() for key, entry in entries.items()}
        self._keep(packed)
        if self._shared:
            self._shared.set_many({_name(key): data for key, data in packed.items()}, self._seconds)

    def _keep(self, packed: Mapping[Key, bytes]) -> None:
        with self._lock:
            self._entries.update(packed)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def _get_shared(self, keys: list[Key]) -> dict[Key, bytes]:
        assert self._shared
        names = {_name(key): key for key in keys}
        hits = {names[name]: data for name, data in self._shared.get_many(names).items()}
        self._keep(hits)
        return hits


@lru_cache(maxsize=64)
def _hasher(secret: bytes, digest: str) -> hashlib.blake2b:
    """To be copied: the secret has been taken in already."""
    return hashlib.blake2b(digest_size=16, key=secret, person=bytes.fromhex(digest[:32]))


def _name(key: Key) -> str:
    return f"scores:{key.hex()}"
