"""A picture of a summary: how often each label, and valence over the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emotions.analysis.summary import Summary

_POINTS = 200


def summary_plot(summary: Summary, path: Path, *, title: str) -> None:
    """Draw *summary* to *path* (PNG, SVG or PDF by its suffix)."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    counts = summary.as_dict()["labels"]
    names = list(counts)[::-1]
    shares = [100 * counts[name]["rows"] / max(summary.rows, 1) for name in names]
    figure, (bars, line) = plt.subplots(1, 2, figsize=(13, 7), layout="constrained")
    figure.suptitle(title)
    bars.barh(names, shares, color="#3d6fb4")
    bars.set_xlabel("rows over threshold (%)")
    bars.set_title(f"Labels of {summary.rows:,} rows")
    if summary.valences:
        positions, means = _smoothed(summary.valences)
        line.plot(positions, means, color="#b4483d")
        line.axhline(0, color="grey", linewidth=0.8)
        line.set_ylim(-1, 1)
    line.set_xlabel("row")
    line.set_title("Valence over the rows (mean of neighbours)")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _smoothed(values: list[float]) -> tuple[list[float], list[float]]:
    """Means of at most ``_POINTS`` equal parts, at the middle of each."""
    parts = np.array_split(np.asarray(values), min(_POINTS, len(values)))
    edges = np.cumsum([0, *map(len, parts)])
    middles = (edges[:-1] + edges[1:] - 1) / 2
    return middles.tolist(), [float(part.mean()) for part in parts]
