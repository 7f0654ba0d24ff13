"""The result cache: probabilities by model digest and text, in process and in Redis."""

from __future__ import annotations

import hashlib
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Key = bytes
_HEADER = struct.Struct("<IH")
# Of what stays in the process; there -1 stands for an unknown count of unknown tokens.
_KEPT = struct.Struct("<IHi")


@dataclass(slots=True)
class CachedResult:
    """What the model said of one text: every presentation starts here.

    Redis has it as the model said it. The process keeps it ``calibrated``, and only that: the key
    holds the model's digest, and its calibration with it.
    """

    probabilities: FloatArray
    tokens: int
    windows: int
    calibrated: bool = False
    # Tokens without a word of their own; not known of what came from Redis.
    unknown: int | None = None

    def pack(self) -> bytes:
        """Compact bytes: a header of six, then four for each label."""
        return _HEADER.pack(self.tokens, self.windows) + _bytes(self.probabilities)

    @classmethod
    def unpack(cls, data: bytes) -> CachedResult:
        """The inverse of ``pack``."""
        tokens, windows = _HEADER.unpack_from(data)
        probabilities = np.frombuffer(data, dtype="<f4", offset=_HEADER.size)
        return cls(probabilities, tokens, windows)


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
        found = {key: _unpack_kept(data) for key, data in kept.items()}
        return found | self._get_shared(missing) if missing and self._shared else found

    def share(self, entries: Mapping[Key, CachedResult]) -> None:
        """Tell the other processes what the model said."""
        if self._shared and entries:
            packed = {_name(key): entry.pack() for key, entry in entries.items()}
            self._shared.set_many(packed, self._seconds)

    def keep(self, entries: Mapping[Key, CachedResult]) -> None:
        """Keep *entries*, which are calibrated, here; what was used longest ago goes."""
        packed = {key: _pack_kept(entry) for key, entry in entries.items()}
        with self._lock:
            self._entries.update(packed)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def _get_shared(self, keys: list[Key]) -> dict[Key, CachedResult]:
        assert self._shared
        names = {_name(key): key for key in keys}
        hits = self._shared.get_many(names)
        return {names[name]: CachedResult.unpack(data) for name, data in hits.items()}


def _bytes(probabilities: FloatArray) -> bytes:
    return probabilities.astype("<f4", copy=False).tobytes()


def _pack_kept(entry: CachedResult) -> bytes:
    unknown = -1 if entry.unknown is None else entry.unknown
    return _KEPT.pack(entry.tokens, entry.windows, unknown) + _bytes(entry.probabilities)


def _unpack_kept(data: bytes) -> CachedResult:
    tokens, windows, unknown = _KEPT.unpack_from(data)
    probabilities = np.frombuffer(data, dtype="<f4", offset=_KEPT.size)
    known = None if unknown < 0 else unknown
    return CachedResult(probabilities, tokens, windows, calibrated=True, unknown=known)


@lru_cache(maxsize=64)
def _hasher(secret: bytes, digest: str) -> hashlib.blake2b:
    """To be copied: the secret has been taken in already."""
    return hashlib.blake2b(digest_size=16, key=secret, person=bytes.fromhex(digest[:32]))


def _name(key: Key) -> str:
    return f"result:{key.hex()}"
