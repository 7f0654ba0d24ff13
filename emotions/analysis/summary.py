"""What a file says as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Summary:
    """Counts over the results; ``add`` one at a time."""

    labels: Sequence[str]
    rows: int = 0
    bad_rows: int = 0
    without_label: int = 0
    over_threshold: Counter[str] = field(default_factory=Counter)
    dominant: Counter[str] = field(default_factory=Counter)
    score_sums: Counter[str] = field(default_factory=Counter)
    valences: list[float] = field(default_factory=list)

    def add(self, result: dict[str, Any]) -> None:
        """Count one result."""
        self.rows += 1
        self.without_label += not result["labels"]
        self.over_threshold.update(result["labels"])
        self.dominant[result["dominant"]] += 1
        for label, score in result["scores"].items():
            self.score_sums[label] += score
        if result["valence"] is not None:
            self.valences.append(result["valence"])

    @property
    def mean_valence(self) -> float | None:
        """Mean over the rows; None where the model has no such labels."""
        return sum(self.valences) / len(self.valences) if self.valences else None

    def as_dict(self) -> dict[str, Any]:
        """The summary as plain values."""
        total = max(self.rows, 1)
        valence = self.mean_valence
        return {
            "rows": self.rows,
            "bad_rows": self.bad_rows,
            "low_confidence_share": round(self.without_label / total, 4),
            "mean_valence": None if valence is None else round(valence, 4),
            "labels": {
                label: {
                    "rows": self.over_threshold[label],
                    "dominant": self.dominant[label],
                    "mean_score": round(self.score_sums[label] / total, 4),
                }
                for label in self._by_frequency()
            },
        }

    def as_table(self) -> str:
        """The summary for people."""
        values = self.as_dict()
        lines = [f"{'label':<16}{'rows':>8}{'share':>8}{'dominant':>10}{'mean score':>12}"]
        for label, row in values["labels"].items():
            share = row["rows"] / max(self.rows, 1)
            lines.append(
                f"{label:<16}{row['rows']:>8}{share:>8.1%}{row['dominant']:>10}"
                f"{row['mean_score']:>12.4f}"
            )
        lines += ["", f"rows scored     {self.rows:>8}", f"rows skipped    {self.bad_rows:>8}"]
        lines.append(f"no label        {values['low_confidence_share']:>8.1%}")
        if values["mean_valence"] is not None:
            lines.append(f"mean valence    {values['mean_valence']:>+8.3f}")
        return "\n".join(lines)

    def _by_frequency(self) -> list[str]:
        return sorted(self.labels, key=lambda label: (-self.over_threshold[label], label))
