"""Two versions on the same rows: how sure is it that one is better?"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlops.evaluation import metrics
from mlops.evaluation.alignment import Scored
from mlops.evaluation.bootstrap import LEVEL, SAMPLES, difference_intervals
from mlops.training.data import DataFormatError


def comparison_measure(
    candidate: Scored, champion: Scored, *, level: float = LEVEL, samples: int = SAMPLES
) -> dict[str, Any]:
    """Differences, candidate less champion, over the labels that both were scored on.

    The intervals resample rows, the same ones for both: what is hard about a row is hard for
    both, so the difference is known far better than either figure.

    Raises:
        DataFormatError: if they were not scored on the same rows.
    """
    labels = [label for label in champion.labels if label in candidate.labels]
    if not labels:
        raise DataFormatError("the versions have no label in common")
    new, old = candidate.columns(labels), champion.columns(labels)
    if not np.array_equal(new.actual, old.actual):
        raise DataFormatError("the versions were not scored on the same rows")
    return {
        "texts": len(new.actual),
        "labels_compared": len(labels),
        "level": level,
        "figures": {name: _pair(name, new, old) for name in _FIGURES},
        "intervals": difference_intervals(
            new.predicted, old.predicted, new.actual, level=level, samples=samples
        ),
        "decisions_changed": round(float((new.predicted != old.predicted).mean()), 4),
        "labels": _label_rows(new, old),
    }


_FIGURES = {
    "f1_macro": lambda scored: metrics.f1_macro(scored.predicted, scored.actual),
    "f1_micro": lambda scored: metrics.f1_micro(scored.predicted, scored.actual),
    "calibration_error": lambda scored: metrics.calibration_error(
        scored.probabilities, scored.actual
    ),
}


def _pair(name: str, new: Scored, old: Scored) -> dict[str, float]:
    candidate, champion = _FIGURES[name](new), _FIGURES[name](old)
    return {
        "candidate": round(candidate, 4),
        "champion": round(champion, 4),
        "difference": round(candidate - champion, 4),
    }


def _label_rows(new: Scored, old: Scored) -> list[dict[str, Any]]:
    """Each label's F1 in both, the largest loss first."""
    after = metrics.f1_per_label(new.predicted, new.actual)
    before = metrics.f1_per_label(old.predicted, old.actual)
    support = new.actual.sum(axis=0)
    rows = [
        {
            "label": label,
            "support": int(support[i]),
            "candidate": round(float(after[i]), 4),
            "champion": round(float(before[i]), 4),
            "difference": round(float(after[i] - before[i]), 4),
        }
        for i, label in enumerate(new.labels)
    ]
    return sorted(rows, key=lambda row: float(row["difference"]))
