"""The spool: files that a process appends to and somebody moves on. Pure Python, no fsync.

A frame is a mark, a length, a checksum and the payload, written with one call. ``kill -9`` leaves
whole frames and at most one torn one behind, in a file whose lock the kernel has let go: whoever
finds it unlocked may move it on. Only a crash of the machine itself can lose what was written last.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = b"VLG1"
_HEADER = struct.Struct("<4sII")
SUFFIX = ".spool"
# A file grows to this size while nobody can move it on; what is read at once.
SEGMENT_BYTES = 16_000_000
_numbers = itertools.count()


def frame(payload: bytes) -> bytes:
    """*payload* as it stands in the file."""
    return _HEADER.pack(MARK, len(payload), zlib.crc32(payload)) + payload


def frames_read(data: bytes) -> Iterator[bytes]:
    """The whole frames of *data*; what is torn or damaged is stepped over."""
    start = data.find(MARK)
    while start >= 0 and len(data) - start >= _HEADER.size:
        _, length, checksum = _HEADER.unpack_from(data, start)
        body = start + _HEADER.size
        payload = data[body : body + length]
        if len(payload) == length and zlib.crc32(payload) == checksum:
            yield payload
            start = data.find(MARK, body + length)
        else:
            start = data.find(MARK, start + 1)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file that nobody appends to any more; its lock is ours."""

    path: Path
    descriptor: int

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self.descriptor).st_size

    @property
    def since(self) -> float:
        """Unix time of its beginning, from its name."""
        return _since(self.path)

    def frames(self) -> Iterator[bytes]:
        """Its payloads."""
        return frames_read(self.path.read_bytes())

    def discard(self) -> None:
        """Delete it: everything in it is somewhere better."""
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)

    def release(self) -> None:
        """Leave it to whoever comes next."""
        os.close(self.descriptor)


class Spool:
    """The file that this process appends to; ``kind`` is part of its name."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self.kind = folder, kind
        self._lock = threading.Lock()
        self._descriptor = -1
        self._path = folder
        self.size = 0
        os.register_at_fork(after_in_child=self._after_fork)

    def append(self, payload: bytes) -> None:
        """Add one frame, whole or not at all.

        Raises:
            OSError: if it cannot be written, for instance because the disk is full.
        """
        data = _HEADER.pack(MARK, len(payload), zlib.crc32(payload)) + payload
        with self._lock:
            if self._descriptor < 0:
                self._open()
            written = os.write(self._descriptor, data)
            if written != len(data):
                os.ftruncate(self._descriptor, self.size)
                raise OSError(28, "the disk is full", str(self._path))
            self.size += written

    def seal(self) -> Segment | None:
        """What was appended so far, to be moved on; the next frame begins a new file."""
        with self._lock:
            if not self.size:
                return None
            segment = Segment(self._path, self._descriptor)
            self._descriptor, self.size = -1, 0
        return segment

    def close(self) -> None:
        """Let go of the file; one with frames in it is for others to adopt."""
        with self._lock:
            if self._descriptor >= 0:
                if not self.size:
                    self._path.unlink(missing_ok=True)
                os.close(self._descriptor)
            self._descriptor, self.size = -1, 0

    def _open(self) -> None:
        """A new file under a name of its own, locked before others can see it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.kind}-{time.time():.6f}-{socket.gethostname()}-{os.getpid()}"
        path = self._folder / f"{name}-{next(_numbers)}{SUFFIX}"
        hidden = path.with_suffix(".new")
        # For this user only: rows name people's keys and addresses.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(hidden, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(path)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._path, self.size = descriptor, path, 0

    def _after_fork(self) -> None:
        """The file is the parent's; the child begins one when it has something to say."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._lock = threading.Lock()
        self._descriptor, self.size = -1, 0


def segments_adopt(folder: Path) -> list[Segment]:
    """The files whose process is gone, oldest first, now ours."""
    found = (_adopted(path) for path in sorted(folder.glob(f"*{SUFFIX}"), key=_since))
    return [segment for segment in found if segment]


def spool_files(folder: Path) -> list[tuple[Path, int]]:
    """Every file with its size, oldest first."""
    files = []
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_since):
        try:
            files.append((path, path.stat().st_size))
        except FileNotFoundError:  # moved on meanwhile
            continue
    return files


def spool_since(folder: Path) -> float | None:
    """Unix time since when the oldest file is being written; None for an empty spool."""
    return min((_since(path) for path, size in spool_files(folder) if size), default=None)


def _since(path: Path) -> float:
    return float(path.name.split("-")[1])


def _adopted(path: Path) -> Segment | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # its process lives
        os.close(descriptor)
        return None
    if not os.fstat(descriptor).st_nlink:  # moved on between our two calls
        os.close(descriptor)
        return None
    return Segment(path, descriptor)
