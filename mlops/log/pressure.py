"""When the log cannot keep up: what may wait is told to."""

from __future__ import annotations

from mlops.errors import CodedError
from mlops.log.recorder import recorder


class LogBehindError(CodedError):
    """More waits in the spool than it may hold; bulk work over the log waits for it."""

    code = "log_behind"


def bulk_admit() -> None:
    """Let work over many rows of the log begin: it would slow what is behind, and miss the rest.

    Answers are never refused for the log's sake, however many texts they are for.

    Raises:
        LogBehindError: while this process sees the spool past LOG_SPOOL_BYTES.
    """
    if recorder.bulk_refused():
        raise LogBehindError(
            "More predictions wait to be written than LOG_SPOOL_BYTES allows; exports and replays "
            "wait until they are in the database. /health/ready says how many bytes and why."
        )
