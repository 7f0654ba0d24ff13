"""From frames of the spool to rows of the table. No Django: whole batches at a time, in numpy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops.log.ids import moment_time
from mlops.log.records import Head, Item, request_unpack

FloatArray = NDArray[np.float32]


class _Verdict(NamedTuple):
    """The part of a row that comes from the probabilities."""

    labels: str = "[]"
    top_label: str = ""
    top_score: float | None = None
    low_confidence: bool = False
    scores: bytes | None = None


# The columns that a row fills, in its order: its id, what the rows of a frame share, what its
# probabilities say, and the rest.
_SHARED = (
    *("created_at", "request_id", "user_id", "key_id", "subject_hash", "version_id"),
    *("rollout_id", "arm_id", "pinned", "shadow", "queue_ms", "infer_ms", "total_ms"),
    *("network", "job_id"),
)
COLUMNS = (
    *("id", *_SHARED, *_Verdict._fields, "text_hash", "text", "text_length", "tokens", "windows"),
    *("unknown_tokens", "valence", "cached", "status", "error_code"),
)
Row = tuple[Any, ...]
# One part in 65,535: finer than the four digits that callers see.
_SCALE = 65_535


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """What a row needs to know of the version that answered."""

    id: int
    labels: tuple[str, ...]
    thresholds: FloatArray


_NO_VERDICT = _Verdict()


def rows_of(
    payloads: Iterable[bytes], version_of: Callable[[str], VersionInfo | None]
) -> tuple[list[Row], int]:
    """The rows of *payloads*, and how many frames could not be read."""
    frames, unreadable = [], 0
    for payload in payloads:
        try:
            frames.append(request_unpack(payload))
        except (ValueError, TypeError):
            unreadable += 1
    alike: dict[tuple[str, str], list[tuple[Head, list[Item]]]] = {}
    for head, items in frames:
        kind = (head.digest, str(head.labels) if head.labels else "")
        alike.setdefault(kind, []).append((head, items))
    rows: list[Row] = []
    for (digest, _), group in alike.items():
        rows += _rows_alike(group, version_of(digest))
    return rows, unreadable


def _rows_alike(
    frames: Sequence[tuple[Head, list[Item]]], version: VersionInfo | None
) -> Iterator[Row]:
    """The rows of *frames*, all of one version and with the same labels."""
    labels = frames[0][0].labels
    shown = VersionInfo(0, tuple(labels[0]), _thresholds(labels[1])) if labels else version
    verdicts = iter(_verdicts([item for _, items in frames for item in items], shown))
    for head, items in frames:
        shared = _shared(head, version.id if version else None)
        for item in items:
            yield _row(shared, item, next(verdicts))


def scores_unpack(data: bytes) -> list[float]:
    """The probabilities of a row, in the order of its version's labels."""
    values: list[float] = (np.frombuffer(data, "<u2").astype(np.float64) / _SCALE).tolist()
    return values


def _verdicts(items: Sequence[Item], version: VersionInfo | None) -> list[_Verdict]:
    width = 4 * len(version.labels) if version else 0
    usable = [index for index, item in enumerate(items) if item.scores and _fits(item, width)]
    verdicts = [_NO_VERDICT] * len(items)
    if not usable:
        return verdicts
    joined = b"".join(items[index].scores or b"" for index in usable)
    for index, verdict in zip(
        usable, _judged(np.frombuffer(joined, "<f4").reshape(len(usable), -1), version), strict=True
    ):
        verdicts[index] = verdict
    return verdicts


def _thresholds(values: Sequence[float]) -> FloatArray:
    return np.asarray(values, dtype=np.float32)


def _fits(item: Item, width: int) -> bool:
    return item.scores is not None and len(item.scores) == width


def _judged(scores: FloatArray, version: VersionInfo | None) -> list[_Verdict]:
    assert version is not None
    names = version.labels
    over: list[list[str]] = [[] for _ in range(len(scores))]
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores >= version.thresholds, order, axis=1)
    for row, rank in zip(*(part.tolist() for part in np.nonzero(ranked)), strict=True):
        over[row].append(names[order[row, rank]])
    best = order[:, 0]
    columns = (
        best.tolist(),
        np.round(scores[np.arange(len(scores)), best].astype(np.float64), 6).tolist(),
        np.rint(scores * np.float32(_SCALE)).astype("<u2"),
    )
    return [
        _Verdict(_json(tuple(labels)), names[top], score, not labels, packed.tobytes())
        for labels, top, score, packed in zip(over, *columns, strict=True)
    ]


@lru_cache(maxsize=4096)
def _json(labels: tuple[str, ...]) -> str:
    """The same few combinations come again and again."""
    return json.dumps(labels)


def _shared(head: Head, version_id: int | None) -> Row:
    """What the rows of a frame have in common."""
    return (
        *(_moment(head.moment), head.request_id, _hex(head.user_id), head.key_id),
        *(_hex(head.subject_hash), version_id, head.rollout_id, head.arm_id),
        *(head.pinned, head.shadow),
        *(round(head.queue_ms, 3), round(head.infer_ms, 3), round(head.total_ms, 3)),
        *(head.network or None, _hex(head.job_id)),
    )


def _row(shared: Row, item: Item, verdict: _Verdict) -> Row:
    return (
        *(item.id.hex(), *shared, *verdict),
        *(_hex(item.text_hash), item.text, item.text_length, item.tokens, item.windows),
        *(item.unknown, item.valence, item.cached, item.status, item.error_code),
    )


def _moment(milliseconds: int) -> str:
    """As Django writes it for SQLite, which compares letters; the time zone is UTC."""
    return moment_time(milliseconds).isoformat(" ")[:-6]


def _hex(value: bytes | None) -> str | None:
    return value.hex() if value else None
