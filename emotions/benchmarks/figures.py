"""What was measured: runs of the same thing, their medians and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """Runs by series, in one unit, taken in turn.

    ``ratio`` names two series, of which the report divides the medians; ``target`` says what was
    to be reached.
    """

    name: str
    unit: str
    series: Mapping[str, Sequence[float]]
    ratio: tuple[str, str] | None = None
    target: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The figures for a report."""
        return {
            "name": self.name,
            "unit": self.unit,
            "series": {name: spread(values) for name, values in self.series.items()},
            "ratio": self.ratio_of_medians(),
            "target": self.target,
        }

    def ratio_of_medians(self) -> float | None:
        """The first series of ``ratio`` by the second."""
        if self.ratio is None:
            return None
        over, under = (statistics.median(self.series[name]) for name in self.ratio)
        return round(over / under, 3)


@dataclass(frozen=True, slots=True)
class Suite:
    """The figures of one suite and what must be known to read them."""

    name: str
    note: str
    figures: Sequence[Figure]

    def as_dict(self) -> dict[str, Any]:
        """The suite for a report."""
        return {
            "suite": self.name,
            "note": self.note,
            "figures": [figure.as_dict() for figure in self.figures],
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, tenth and ninetieth percentile, and how many there were."""
    if not values:  # nothing of the kind happened
        return {"median": 0.0, "p10": 0.0, "p90": 0.0, "runs": 0}
    return {
        "median": significant(statistics.median(values)),
        "p10": significant(percentile(values, 10)),
        "p90": significant(percentile(values, 90)),
        "runs": len(values),
    }


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that *percent* of *values* do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def significant(value: float) -> float:
    """Four significant digits: more than any of these measurements has."""
    return float(f"{value:.4g}")
