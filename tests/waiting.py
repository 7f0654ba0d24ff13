"""Waiting for something to become true, never for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Seconds. Far beyond what a slow and busy machine needs: used up only when a promise is broken.
PATIENCE = 300.0
POLL_SECONDS = 0.02
# What a test of a few requests takes at the very most.
MIDNIGHT_SECONDS = 120.0


def wait_for(promise: Callable[[], T], otherwise: Callable[[], object] | str = "") -> T:
    """What *promise* returns once that is true.

    Raises:
        AssertionError: after ``PATIENCE`` seconds, with what *otherwise* says.
    """
    deadline = time.monotonic() + PATIENCE
    while not (kept := promise()):
        if time.monotonic() > deadline:
            said = otherwise() if callable(otherwise) else otherwise
            raise AssertionError(said or "it did not happen")
        time.sleep(POLL_SECONDS)
    return kept


def clear_of_midnight() -> None:
    """Days and months are counted in UTC: a test that spans the end of one would meet two."""
    wait_for(lambda: time.time() % 86_400 < 86_400 - MIDNIGHT_SECONDS)
