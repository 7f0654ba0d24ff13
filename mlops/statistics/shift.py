"""How differently two arms answer."""

from __future__ import annotations

from collections.abc import Mapping

# Answers of either arm before their distributions are compared: of 28 labels the distance of
# two equal ones is about 0.08 by chance at this size.
MIN_ANSWERS = 500


def distribution_distance(one: Mapping[str, int], other: Mapping[str, int]) -> float | None:
    """Total variation, 0 to 1: the share of answers that would have to change their label.

    None while either side has too few answers.
    """
    totals = sum(one.values()), sum(other.values())
    if min(totals) < MIN_ANSWERS:
        return None
    labels = set(one) | set(other)
    return 0.5 * sum(
        abs(one.get(label, 0) / totals[0] - other.get(label, 0) / totals[1]) for label in labels
    )
