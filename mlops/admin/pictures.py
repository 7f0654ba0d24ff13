"""Small pictures as SVG, drawn here: nothing is fetched, nothing runs in the browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_WIDTH, _HEIGHT = 96, 22
_SIDE = 240
_ROW = 18


def sparkline(values: Sequence[float]) -> SafeString:
    """A line through *values*, oldest first; the scale is theirs."""
    if not values:
        return SafeString("-")
    low, span = min(values), (max(values) - min(values)) or 1.0
    step = (_WIDTH - 8) / max(1, len(values) - 1)
    points = [
        (4 + step * i, _HEIGHT - 4 - (_HEIGHT - 8) * (value - low) / span)
        for i, value in enumerate(values)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    last_x, last_y = points[-1]
    return format_html(
        '<svg class="v-spark" width="{}" height="{}" role="img" aria-label="{}">'
        '<polyline points="{}"/><circle cx="{}" cy="{}" r="2.5"/></svg>',
        *(_WIDTH, _HEIGHT, ", ".join(f"{value:.4f}" for value in values)),
        *(path, f"{last_x:.1f}", f"{last_y:.1f}"),
    )


def reliability(points: Sequence[Sequence[float]]) -> SafeString:
    """Predicted against observed; on the diagonal the probabilities are true."""
    dots = format_html_join(
        "",
        '<circle cx="{}" cy="{}" r="3"/>',
        ((f"{_SIDE * p:.1f}", f"{_SIDE * (1 - y):.1f}") for p, y, *_ in points),
    )
    return format_html(
        '<svg class="v-square" viewBox="-4 -4 {} {}" role="img" aria-label="calibration">'
        '<rect width="{}" height="{}"/><line x1="0" y1="{}" x2="{}" y2="0"/>{}</svg>',
        *(_SIDE + 8, _SIDE + 8, _SIDE, _SIDE, _SIDE, _SIDE, dots),
    )


def label_bars(rows: Sequence[dict[str, Any]]) -> SafeString:
    """F1 of each label, the best first, with how often it occurs."""
    ordered = sorted(rows, key=lambda row: -(row["f1"] or 0))
    bars = format_html_join(
        "",
        '<text x="132" y="{}" text-anchor="end">{}</text>'
        '<rect x="138" y="{}" width="{}" height="12"/>'
        '<text x="{}" y="{}" class="v-quiet">{}</text>',
        (
            (
                *(i * _ROW + 13, row["label"], i * _ROW + 3, f"{300 * (row['f1'] or 0):.1f}"),
                *(f"{142 + 300 * (row['f1'] or 0):.1f}", i * _ROW + 13),
                f"{row['f1'] or 0:.2f} ({row['support']})",
            )
            for i, row in enumerate(ordered)
        ),
    )
    return format_html(
        '<svg class="v-bars" viewBox="0 0 520 {}" role="img" aria-label="F1 by label">{}</svg>',
        *(len(ordered) * _ROW + 4, bars),
    )


def difference_bar(low: float, high: float, *, difference: float) -> SafeString:
    """An interval of a difference around zero; the axis is twice as wide as it must be."""
    reach = 1.2 * max(abs(low), abs(high), abs(difference), 1e-6)

    def x(value: float) -> str:
        return f"{110 + 100 * value / reach:.1f}"

    side = "v-worse" if high < 0 else "v-better" if low > 0 else "v-even"
    return format_html(
        '<svg class="v-interval {}" width="220" height="22" role="img" aria-label="{} to {}">'
        '<line class="v-zero" x1="110" x2="110" y1="2" y2="20"/>'
        '<line x1="{}" x2="{}" y1="11" y2="11"/><circle cx="{}" cy="11" r="4"/></svg>',
        *(side, f"{low:+.4f}", f"{high:+.4f}", x(low), x(high), x(difference)),
    )
