"""What every error of this app has: words for people and a code for programs."""

from __future__ import annotations


class CodedError(Exception):
    """Base of what commands, jobs, forms and the API tell whoever asked."""

    # Callers may rely on it. Of the class, unless another is named where it is raised.
    code = "failed"

    def __init__(self, detail: str = "", *, code: str = "", field: str = "") -> None:
        """*field* names what is wrong in what was sent, if it is one value."""
        super().__init__(detail)
        self.code, self.field = code or self.code, field
