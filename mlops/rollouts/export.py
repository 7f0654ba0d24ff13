"""What callers said, as a file that training and evaluation read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from accounts.api import User, audit_record
from mlops.log.privacy import TextLockedError, text_open
from mlops.models import Feedback, Prediction

LABELS_NAME = "labels.txt"
_CHUNK = 500


@dataclass(slots=True)
class ExportCounts:
    """What went into the files, and what could not."""

    labelled: int = 0
    unlabelled: int = 0
    without_text: int = 0
    other_labels: int = 0


def feedback_export(
    *, folder: Path, labels: list[str], since: datetime, actor: User | None = None
) -> ExportCounts:
    """Write ``feedback.tsv``, ``low_confidence.tsv`` and ``labels.txt`` into *folder*.

    The first is in GoEmotions format: answers with their right labels. Where somebody only
    agreed, those are the labels of the answer; where somebody only disagreed, nothing is known.
    The second holds texts that the model gave no label, one a line with its prediction, for
    people to label.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = ExportCounts()
    (folder / LABELS_NAME).write_text("\n".join(labels) + "\n", encoding="utf-8")
    with (folder / "feedback.tsv").open("w", encoding="utf-8") as file:
        for text, right, key in _labelled(since, set(labels), counts):
            ids = ",".join(str(labels.index(label)) for label in right)
            file.write(f"{text}\t{ids}\t{key}\n")
            counts.labelled += 1
    with (folder / "low_confidence.tsv").open("w", encoding="utf-8") as file:
        for text, key in _unsure(since):
            file.write(f"{text}\t\t{key}\n")
            counts.unlabelled += 1
    audit_record("feedback_exported", actor=actor, texts=counts.labelled + counts.unlabelled)
    return counts


def _labelled(
    since: datetime, known: set[str], counts: ExportCounts
) -> Iterator[tuple[str, list[str], UUID]]:
    """The newest word on each prediction that says what would be right."""
    feedback = Feedback.objects.filter(predicted_at__gte=since).order_by("pk")
    told = {
        each.prediction_id: each
        for each in feedback.iterator(chunk_size=_CHUNK)
        if each.labels is not None or each.agrees
    }
    keys = list(told)
    for start in range(0, len(keys), _CHUNK):
        for row in Prediction.objects.by_id(*keys[start : start + _CHUNK]):
            text = _line(row)
            said = told[row.pk].labels
            right = row.labels if said is None else said
            if text is None:
                counts.without_text += 1
            elif not right or not set(right) <= known:
                counts.other_labels += 1
            else:
                yield text, right, row.pk


def _unsure(since: datetime) -> Iterator[tuple[str, UUID]]:
    judged = Feedback.objects.filter(predicted_at__gte=since).values("prediction_id")
    rows = (
        Prediction.objects.between(since)
        .filter(low_confidence=True, shadow=False, text__isnull=False)
        .exclude(pk__in=judged)
    )
    for row in rows.order_by("created_at").iterator(chunk_size=_CHUNK):
        text = _line(row)
        if text is not None:
            yield text, row.pk


def _line(row: Prediction) -> str | None:
    """The kept text on one line, which is all that the format has room for."""
    if row.text is None:
        return None
    try:
        return " ".join(text_open(bytes(row.text)).split()) or None
    except TextLockedError:
        return None
