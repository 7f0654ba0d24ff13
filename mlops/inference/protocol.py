"""How a process of its own tells the one that started it how far it is and what came out.

A line of JSON each on standard output: ``{"progress": 0.4, "message": "..."}`` any number of
times, then ``{"result": {...}}``, or ``{"error": {"code": "...", "detail": "..."}}``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from mlops.errors import CodedError

Progress = Callable[[float, str], None]
Work = Callable[[Progress], Mapping[str, Any]]
# Set where the parent holds our standard input open: its end is the parent's end.
WATCHED = "VALENCE_WATCH_PARENT"


def silent(share: float, message: str) -> None:
    """Progress where nobody looks."""


def work_main(work: Work) -> int:
    """Run *work* and print its result; the exit status, 1 for an error that has a code.

    What has none is a defect and leaves with its traceback.
    """
    if os.environ.get(WATCHED):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    # Libraries print; only our lines may get where the parent reads.
    out, sys.stdout = sys.stdout, sys.stderr

    def say(values: Mapping[str, Any]) -> None:
        out.write(json.dumps(values) + "\n")
        out.flush()

    try:
        result = work(lambda share, message: say({"progress": share, "message": message}))
    except CodedError as error:
        say({"error": {"code": error.code, "detail": str(error)}})
        return 1
    say({"result": dict(result)})
    return 0


def _end_with_parent() -> None:
    """A parent that was killed must not leave us behind."""
    while os.read(0, 1024):  # not sys.stdin: a thread inside its lock cannot be left behind
        pass
    os._exit(1)
