"""What can be wrong with a rollout or with feedback."""

from __future__ import annotations


class RolloutError(Exception):
    """A mistake in what was asked for; ``field`` names where."""

    def __init__(self, detail: str, *, code: str, field: str = "") -> None:
        super().__init__(detail)
        self.code, self.field = code, field


class RolloutConflictError(RolloutError):
    """Right in itself, but not in the present state of things."""


class FeedbackError(RolloutError):
    """Feedback that cannot be taken."""


class FeedbackNotFoundError(FeedbackError):
    """No prediction of this caller has that id."""


class FeedbackTwiceError(FeedbackError):
    """This caller said what it thinks of that prediction before."""
