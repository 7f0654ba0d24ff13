"""Archives from strangers: unpacked within limits, or refused by name."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from mlops.inference.errors import ArtifactError

# A model folder has about ten files, none deep.
MAX_FILES = 500
MAX_DEPTH = 8
_CHUNK = 1 << 20
# What the standard library says of damage, of encryption and of compressions that it lacks.
_UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, RuntimeError, NotImplementedError, ValueError, OSError),
)


class ArchiveError(ArtifactError):
    """An archive that is not unpacked; the message says which member, and why."""

    code = "archive_refused"


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    file: IO[bytes]


def archive_extract(path: Path, target: Path, *, limit: int) -> Path:
    """Unpack a zip or tar file into *target*, at most *limit* bytes in all.

    Sizes are counted while writing: what an archive says about itself may be a lie.

    Returns:
        The folder with the files: the only folder at the top, if there is one, else *target*.

    Raises:
        ArchiveError: for what is no archive, a path that leads outside, a link, a device, a name
            that comes twice, or too much of anything.
    """
    target.mkdir(parents=True, exist_ok=True)
    try:
        written = 0
        for count, member in enumerate(_members(path), start=1):
            if count > MAX_FILES:
                raise ArchiveError(f"the archive has more than {MAX_FILES} files")
            place = target / _safe(member.name)
            written = _write(member, place, written, limit)
    except _UNREADABLE as error:
        raise ArchiveError(f"the archive cannot be read: {error}") from error
    return _top(target)


def _members(path: Path) -> Iterator[_Member]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from _zip_members(archive)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            yield from _tar_members(archive)
    else:
        raise ArchiveError("not an archive; zip, tar, tar.gz, tar.bz2 or tar.xz is expected")


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        # The upper half holds the Unix mode; 0o120000 is a symbolic link.
        if (info.external_attr >> 16) & 0o170000 == 0o120000:
            raise ArchiveError(f"{info.filename!r} is a link; only files are taken")
        if not info.is_dir():
            with archive.open(info) as file:
                yield _Member(info.filename, file)


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if info.isdir():
            continue
        file = archive.extractfile(info) if info.isreg() else None
        if file is None:
            kind = "a link" if info.issym() or info.islnk() else "no regular file"
            raise ArchiveError(f"{info.name!r} is {kind}; only files are taken")
        with file:
            yield _Member(info.name, file)


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts:
        raise ArchiveError(f"{name!r} is no name of a file")
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name:
        raise ArchiveError(f"{name!r} leads outside the folder")
    if len(path.parts) > MAX_DEPTH:
        raise ArchiveError(f"{name!r} is nested more than {MAX_DEPTH} folders deep")
    return path


def _write(member: _Member, place: Path, written: int, limit: int) -> int:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        raise ArchiveError(f"{member.name!r} is in the archive twice")
    with place.open("wb") as file:
        while chunk := member.file.read(_CHUNK):
            written += len(chunk)
            if written > limit:
                raise ArchiveError(
                    f"the archive unpacks to more than {limit / 1e6:,.0f} MB (at {member.name!r})"
                )
            file.write(chunk)
    return written


def _top(target: Path) -> Path:
    inside = list(target.iterdir())
    if not inside:
        raise ArchiveError("the archive is empty")
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else target
