"""Which arm a subject meets: weighted rendezvous hashing.

Every arm draws its own number for the subject, and the arm with the largest score takes it
(Thaler and Ravishankar 1998; the logarithmic weighting is Schindelhauer and Schomaker 2005).
As a score depends on nothing but its own arm, a larger weight can only win subjects for that
arm: it never moves one between two others.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Protocol, TypeVar

# 53 bits are what a float holds exactly.
_SHIFT, _RANGE = 11, float(1 << 53)


class Weighted(Protocol):
    """What takes a share of the subjects; ``name`` stays the same for ever."""

    @property
    def name(self) -> str: ...

    @property
    def weight(self) -> float: ...


W = TypeVar("W", bound=Weighted)


def uniform(salt: str, name: str, subject: str) -> float:
    """A number in (0, 1) that is always the same for the same three words."""
    text = f"{salt}\0{name}\0{subject}".encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> _SHIFT) + 0.5) / _RANGE


def arm_choose(arms: Sequence[W], *, salt: str, subject: str) -> W:
    """The arm of *subject*; each takes its weight's share of all subjects.

    Raises:
        ValueError: if no weight is positive.
    """
    best, best_score = None, -1.0
    for arm in arms:
        if arm.weight > 0:
            score = -arm.weight / math.log(uniform(salt, arm.name, subject))
            if score > best_score:
                best, best_score = arm, score
    if best is None:
        raise ValueError("no arm has a positive weight")
    return best


def sampled(share: float, *, salt: str, name: str, subject: str) -> bool:
    """Whether *subject* is in the share that a shadow arm sees; stable like ``arm_choose``."""
    return share >= 1 or uniform(salt, name, subject) < share


def weight_for_share(share: float, *, others: float) -> float:
    """The weight that gives one arm *share* of the subjects beside arms that weigh *others*.

    Raises:
        ValueError: unless 0 <= share < 1 and others are positive.
    """
    if not 0 <= share < 1 or others <= 0:
        raise ValueError("a share is from 0 to below 1, beside others of positive weight")
    return share / (1 - share) * others
