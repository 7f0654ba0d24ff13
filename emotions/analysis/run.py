"""The loop of ``analyze``: chunks of rows through the classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from emotions.analysis.partial import Partial
from emotions.analysis.readers import BadRow, Row
from emotions.presentation import Presenter
from mlops.inference.classifier import Classifier

# Sorted by length within a chunk: 512 texts were padded so much that it cost a tenth of the speed.
# At 500 texts/s an interruption costs at most four seconds of work.
CHUNK = 2048


def rows_score(
    rows: Iterable[Row | BadRow], classifier: Classifier, *, on_bad: Callable[[BadRow], None]
) -> Iterator[list[dict[str, Any]]]:
    """Results of *rows* in order, a chunk at a time; bad rows go to *on_bad*."""
    presenter = Presenter(classifier.manifest.product_labels, classifier.calibrator.thresholds)
    good = _good(rows, on_bad)
    while chunk := list(islice(good, CHUNK)):
        yield _scored(chunk, classifier, presenter)


def rows_keep(
    rows: Iterable[Row | BadRow],
    classifier: Classifier,
    partial: Partial,
    *,
    on_bad: Callable[[BadRow], None],
) -> Iterator[list[dict[str, Any]]]:
    """As ``rows_score`` for the rows after those in *partial*; a chunk is kept, then given out."""
    rest = (row for row in rows if row.number > partial.last_row)
    for chunk in rows_score(rest, classifier, on_bad=on_bad):
        partial.append(chunk)
        yield chunk


def _good(rows: Iterable[Row | BadRow], on_bad: Callable[[BadRow], None]) -> Iterator[Row]:
    for row in rows:
        if isinstance(row, BadRow):
            on_bad(row)
        else:
            yield row


def _scored(
    chunk: Sequence[Row], classifier: Classifier, presenter: Presenter
) -> list[dict[str, Any]]:
    # Equal texts are computed once.
    texts = list(dict.fromkeys(row.text for row in chunk))
    probabilities = classifier.predict(texts)
    index = {text: position for position, text in enumerate(texts)}
    ordered = probabilities[np.array([index[row.text] for row in chunk])]
    return [
        {
            "row": row.number,
            "labels": [label for label, _ in presented.labels],
            "scores": presented.scores,
            "dominant": presented.dominant[0],
            "valence": presented.valence,
        }
        for row, presented in zip(chunk, presenter.present(ordered), strict=True)
    ]
