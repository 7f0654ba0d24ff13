"""What can be wrong with a rollout or with feedback."""

from __future__ import annotations

from mlops.errors import CodedError


class RolloutError(CodedError):
    """A mistake in what was asked for; code and field are named where it is raised."""


class RolloutConflictError(RolloutError):
    """Right in itself, but not in the present state of things."""


class FeedbackError(RolloutError):
    """Feedback that cannot be taken."""


class FeedbackNotFoundError(FeedbackError):
    """No prediction of this caller has that id."""


class FeedbackTwiceError(FeedbackError):
    """This caller said what it thinks of that prediction before."""
