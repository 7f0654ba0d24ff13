"""The last hours of the log against a candidate: the shadow report with no risk to anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from accounts.api import User, audit_record
from mlops.errors import CodedError
from mlops.inference.classifier import Classifier
from mlops.inference.protocol import Progress
from mlops.log.privacy import TextLockedError, text_open
from mlops.models import ModelVersion, Prediction
from mlops.rollouts.paired import Pair, PairedReport, Side, pairs_report, side_of
from mlops.rollouts.presentation import paired_body
from mlops.selectors import version_folder

# A few minutes of one core; the newest come first.
MAX_TEXTS = 5_000
_CHUNK = 256


class NothingToReplayError(CodedError):
    """No kept text lies in the time that was asked for."""

    code = "nothing_to_replay"


def replay_run(
    *,
    version: ModelVersion,
    hours: float,
    limit: int = MAX_TEXTS,
    actor: User | None = None,
    progress: Progress,
) -> PairedReport:
    """Ask *version* what it says to the kept texts of the last *hours*; nothing is logged of it.

    Raises:
        NothingToReplayError: if no text was kept in that time.
        ArtifactError: if the version cannot be loaded.
    """
    rows = _rows(hours, limit)
    if not rows:
        raise NothingToReplayError(
            f"No text of the last {hours:g} hours was kept; TEXT_LOGGING or the tier must say "
            "`redacted` or `full`."
        )
    audit_record("log_replayed", actor=actor, target=version, texts=len(rows), hours=hours)
    classifier = Classifier.load(version_folder(version))
    pairs: list[Pair] = []
    for start in range(0, len(rows), _CHUNK):
        progress(start / len(rows), f"{start} of {len(rows)} texts")
        pairs.extend(_pairs(classifier, rows[start : start + _CHUNK]))
    return pairs_report(pairs, classifier.manifest.product_labels)


def replay_words(version: ModelVersion, report: PairedReport) -> str:
    """The report for people."""
    assert report.top_agree is not None
    assert report.top_interval is not None
    low, high = report.top_interval
    lines = [
        f"{version.name} on {report.pairs} logged texts",
        f"  strongest label as served  {report.top_agree:.1%} [{low:.1%}, {high:.1%}]",
        f"  the same labels            {report.same_labels:.1%}",
        f"  largest move of a score    {report.mean_change:.3f} on average",
    ]
    changed = sorted(report.labels, key=lambda each: each.agree)[:5]
    lines += [
        f"  {each.label:24} agree {each.agree:.1%}, {each.live} served, {each.shadow} now"
        for each in changed
        if each.agree < 1
    ]
    return "\n".join(lines)


def replay_json(version: ModelVersion, report: PairedReport) -> str:
    """The report for programs."""
    return json.dumps({"version": version.name, **paired_body(report)})


def _rows(hours: float, limit: int) -> list[tuple[Prediction, str]]:
    """Answers with their texts, each text once, the newest first."""
    since = timezone.now() - timedelta(hours=hours)
    kept = Prediction.objects.between(since).filter(text__isnull=False, shadow=False, error_code="")
    found: dict[Any, tuple[Prediction, str]] = {}
    for row in kept.order_by("-created_at").iterator(chunk_size=500):
        if row.text_hash not in found:
            text = _opened(row)
            if text is not None:
                found[row.text_hash] = (row, text)
        if len(found) >= limit:
            break
    return list(found.values())


def _opened(row: Prediction) -> str | None:
    assert row.text is not None
    try:
        return text_open(bytes(row.text))
    except TextLockedError:
        return None


def _pairs(classifier: Classifier, rows: Sequence[tuple[Prediction, str]]) -> Iterator[Pair]:
    labels, thresholds = classifier.manifest.product_labels, classifier.calibrator.thresholds
    probabilities = classifier.predict([text for _, text in rows])
    for (row, _), scores in zip(rows, probabilities, strict=True):
        order = np.argsort(-scores, kind="stable")
        over = tuple(labels[i] for i in order if scores[i] >= thresholds[i])
        side = Side(over, labels[int(order[0])], scores.astype(np.float64))
        yield Pair(side_of(row), side, row)
