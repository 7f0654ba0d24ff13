"""What a shadow arm said of the same texts as the live arms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from mlops.log.rows import scores_unpack
from mlops.models import Arm, Prediction
from mlops.statistics.sequential import ClusterSums, proportion_estimate

FloatArray = NDArray[np.float64]
# The newest pairs; more would make the page slow and say the same.
MAX_PAIRS = 2_000
MAX_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Side:
    """One answer to a text."""

    labels: tuple[str, ...]
    top_label: str
    scores: FloatArray


@dataclass(frozen=True, slots=True)
class Pair:
    """The live answer and the other one to the same text; ``row`` is the live one in the log."""

    live: Side
    shadow: Side
    row: Prediction

    @property
    def change(self) -> float:
        """The largest move of any label's score."""
        if len(self.live.scores) != len(self.shadow.scores):
            return float(self.live.top_label != self.shadow.top_label)
        return float(np.abs(self.live.scores - self.shadow.scores).max(initial=0.0))


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How often both sides decide alike about one label."""

    label: str
    live: int
    shadow: int
    agree: float


@dataclass(frozen=True, slots=True)
class PairedReport:
    """Agreement on the same texts."""

    pairs: int
    top_agree: float | None = None
    top_interval: tuple[float, float] | None = None
    same_labels: float | None = None
    mean_change: float | None = None
    labels: list[LabelAgreement] = field(default_factory=list)
    examples: list[Pair] = field(default_factory=list)


def shadow_report(arm: Arm, since: datetime) -> PairedReport:
    """Pair the newest answers of the shadow *arm* with what callers got."""
    return pairs_report(pairs_read(arm, since), arm.version.product_labels)


def pairs_read(arm: Arm, since: datetime) -> list[Pair]:
    """The newest pairs: the same text in the same request."""
    rows = Prediction.objects.between(since).filter(error_code="", text_hash__isnull=False)
    shadows = list(rows.filter(arm_id=arm.pk, shadow=True).order_by("-created_at")[:MAX_PAIRS])
    requests = {row.request_id for row in shadows}
    live = {
        (row.request_id, row.text_hash): row
        for row in rows.filter(request_id__in=requests, shadow=False)
    }
    found = ((live.get((row.request_id, row.text_hash)), row) for row in shadows)
    return [Pair(side_of(answered), side_of(row), answered) for answered, row in found if answered]


def pairs_report(pairs: Sequence[Pair], labels: Iterable[str]) -> PairedReport:
    """Agreement over *pairs*, label by label, and what changed most."""
    if not pairs:
        return PairedReport(0)
    count = len(pairs)
    alike = sum(pair.live.top_label == pair.shadow.top_label for pair in pairs)
    estimate = proportion_estimate(ClusterSums(count, count, alike, count, alike, alike))
    assert estimate is not None
    margin = 1.96 * estimate.variance**0.5
    return PairedReport(
        pairs=count,
        top_agree=alike / count,
        top_interval=(max(0.0, alike / count - margin), min(1.0, alike / count + margin)),
        same_labels=sum(set(pair.live.labels) == set(pair.shadow.labels) for pair in pairs) / count,
        mean_change=float(np.mean([pair.change for pair in pairs])),
        labels=[_label_agreement(label, pairs) for label in labels],
        examples=sorted(pairs, key=lambda pair: -pair.change)[:MAX_EXAMPLES],
    )


def _label_agreement(label: str, pairs: Sequence[Pair]) -> LabelAgreement:
    live = [label in pair.live.labels for pair in pairs]
    shadow = [label in pair.shadow.labels for pair in pairs]
    alike = sum(one == other for one, other in zip(live, shadow, strict=True))
    return LabelAgreement(label, sum(live), sum(shadow), alike / len(pairs))


def side_of(row: Prediction) -> Side:
    """The answer that *row* logs."""
    scores = scores_unpack(bytes(row.scores)) if row.scores else []
    return Side(tuple(row.labels), row.top_label, np.array(scores))
