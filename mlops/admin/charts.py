"""Bars as numbers: templates draw them as SVG, without scripts and inline styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Units of the drawings, which scale to whatever room there is.
ROW, WIDTH, LABEL = 22, 420, 150
COLUMN, HEIGHT = 22, 120


@dataclass(frozen=True, slots=True)
class Bar:
    """One value, or a pair: the reference beside it."""

    name: str
    value: float
    text: str
    x: float
    y: float
    width: float
    height: float
    reference: float = 0.0

    @property
    def end(self) -> float:
        """Where the text beside the bar begins."""
        return self.x + self.width + 6

    @property
    def reference_y(self) -> float:
        """The upper edge of the reference's bar."""
        return HEIGHT - self.reference


def bars_across(scores: Mapping[str, float]) -> list[Bar]:
    """Rows from top to bottom; a score of one fills the width."""
    return [
        Bar(name, score, f"{score:.4f}", LABEL, ROW * row, WIDTH * score, ROW - 6)
        for row, (name, score) in enumerate(scores.items())
    ]


def bars_up(
    names: Sequence[str], reference: Sequence[float], current: Sequence[float]
) -> list[Bar]:
    """Columns of shares, scaled to the highest; ``reference`` is the height of the other one."""
    before, now = _shares(reference), _shares(current)
    top = max([*before, *now, 1e-9])
    return [
        Bar(
            name=name,
            value=share,
            text=f"{name}: {share:.1%}, before {old:.1%}",
            x=COLUMN * column,
            y=HEIGHT * (1 - share / top),
            width=COLUMN - 12,
            height=HEIGHT * share / top,
            reference=HEIGHT * old / top,
        )
        for column, (name, old, share) in enumerate(zip(names, before, now, strict=True))
    ]


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]
