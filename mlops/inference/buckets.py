"""The few shapes that a GPU is asked in: plans, graphs and buffers are made once for each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Steps of a third to a half: a text is padded by a fifth on average. Multiples of sixteen, which
# the matrix units of GPUs want.
_WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096, 8192)
# With fewer positions than this a GPU waits for its own launches, however few they are.
_SMALLEST = 512


@dataclass(frozen=True, slots=True)
class Bucket:
    """A shape: ``rows`` texts of ``width`` tokens."""

    rows: int
    width: int


class Buckets:
    """For each width a single row, and rows from the whole *token_budget* down by halves."""

    def __init__(self, max_length: int, token_budget: int) -> None:
        self.widths = (*(width for width in _WIDTHS if width < max_length), max_length)
        self._rows = {width: _rows(width, token_budget) for width in self.widths}

    def __iter__(self) -> Iterator[Bucket]:
        """All of them, the largest first, so that those after it fit into its memory."""
        all_ = (Bucket(rows, width) for width in self.widths for rows in self._rows[width])
        return iter(sorted(all_, key=lambda each: (each.rows * each.width, each.width))[::-1])

    def parts(self, rows: int, width: int) -> Iterator[tuple[slice, Bucket]]:
        """Which rows of a batch go into which bucket; one, unless there are too many for any.

        Raises:
            ValueError: if *width* is beyond the longest window.
        """
        widest = self.widths[-1]
        if width > widest:
            raise ValueError(f"{width} tokens; the longest window has {widest}")
        fitting = padded_width(width, self.widths)
        sizes = self._rows[fitting]
        for start in range(0, rows, sizes[-1]):
            part = min(rows - start, sizes[-1])
            yield (
                slice(start, start + part),
                Bucket(sizes[bisect_left(sizes, part)], fitting),
            )


def padded_width(width: int, widths: Sequence[int]) -> int:
    """*width* as it is padded: to the next of *widths*; itself beyond the last or without any."""
    index = bisect_left(widths, width)
    return widths[index] if index < len(widths) else width


def _rows(width: int, token_budget: int) -> list[int]:
    rows = max(1, token_budget // width)
    found = {1, rows}
    while (rows // 2) * width >= _SMALLEST:
        rows //= 2
        found.add(rows)
    return sorted(found)
