"""What is known of a prediction, and its bytes in the spool. No Django.

Named tuples throughout: they are made with every answer, at a third of a frozen dataclass's price.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgpack

from mlops.log.ids import ids_make

# History: 1 (2026-11) first format.
FORMAT = 1
# Grows where a frame needs more.
_PACK_BYTES = 16_384
_local = threading.local()


class Caller(NamedTuple):
    """Who asked. ``text_logging`` is what may be kept of the texts, everything considered."""

    request_id: str
    user_id: bytes
    key_id: str
    network: str
    subject_hash: bytes | None = None
    text_logging: str = "hash"


class Exposure(NamedTuple):
    """How the version was chosen; shadow predictions were shown to nobody."""

    rollout_id: int | None = None
    arm_id: int | None = None
    pinned: bool = False
    shadow: bool = False


PLAIN = Exposure()


class Stages(NamedTuple):
    """Milliseconds of the request."""

    queue: float = 0.0
    infer: float = 0.0
    total: float = 0.0


class Document(NamedTuple):
    """One text and its answer. ``scores``: calibrated probabilities, little-endian float32."""

    text: str
    scores: bytes | None
    tokens: int = 0
    windows: int = 0
    unknown: int | None = None
    valence: float | None = None
    cached: bool = False
    status: int = 200
    error_code: str = ""


class Kept(NamedTuple):
    """What is kept of a text: a keyed hash, and its encrypted form where that is wanted."""

    digest: bytes | None
    text: bytes | None


class Request(NamedTuple):
    """The predictions of one request by one version."""

    caller: Caller
    digest: str
    stages: Stages
    exposure: Exposure = PLAIN
    job_id: bytes | None = None
    # Milliseconds since 1970; None: now.
    moment: int | None = None
    # Names and thresholds of the scores where they are not the version's own.
    labels: tuple[Sequence[str], Sequence[float]] | None = None


def request_pack(
    request: Request, documents: Sequence[Document], kept: Sequence[Kept]
) -> tuple[bytes, list[bytes]]:
    """The payload of one frame, and the ids of the documents."""
    caller, stages, exposure = request.caller, request.stages, request.exposure
    moment = request.moment or time.time_ns() // 1_000_000
    ids = ids_make(len(documents), moment)
    payload: bytes = _packer()(
        (
            FORMAT,
            (
                *(moment, caller.request_id, caller.user_id, caller.key_id, caller.subject_hash),
                *(request.digest, exposure.rollout_id, exposure.arm_id),
                *(exposure.pinned, exposure.shadow),
                *(stages.queue, stages.infer, stages.total),
                *(caller.network, request.job_id, request.labels),
            ),
            [
                (key, *secret, len(document.text), *document[1:])
                for key, secret, document in zip(ids, kept, documents, strict=True)
            ],
        )
    )
    return payload, ids


def _packer() -> Callable[[object], bytes]:
    """This thread's own: one for each frame would take a quarter of a megabyte each time."""
    pack: Callable[[object], bytes] | None = getattr(_local, "pack", None)
    if pack is None:
        pack = _local.pack = msgpack.Packer(buf_size=_PACK_BYTES).pack
    return pack


class Head(NamedTuple):
    """What the documents of a frame share."""

    moment: int
    request_id: str
    user_id: bytes
    key_id: str
    subject_hash: bytes | None
    digest: str
    rollout_id: int | None
    arm_id: int | None
    pinned: bool
    shadow: bool
    queue_ms: float
    infer_ms: float
    total_ms: float
    network: str
    job_id: bytes | None
    labels: list[list[Any]] | None


class Item(NamedTuple):
    """A document as it was packed."""

    id: bytes
    text_hash: bytes | None
    text: bytes | None
    text_length: int
    scores: bytes | None
    tokens: int
    windows: int
    unknown: int | None
    valence: float | None
    cached: bool
    status: int
    error_code: str


def request_unpack(payload: bytes) -> tuple[Head, list[Item]]:
    """The inverse of ``request_pack``.

    Raises:
        ValueError: if the frame is of a newer release, or of none.
    """
    values: Any = msgpack.unpackb(payload)
    if not isinstance(values, list) or len(values) != 3 or values[0] != FORMAT:
        raise ValueError(f"a frame of an unknown format: {str(values)[:40]}")
    return Head(*values[1]), [Item(*item) for item in values[2]]
