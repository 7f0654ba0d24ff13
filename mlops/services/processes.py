"""Heavy work in a process of its own: torch never enters a server, a crash takes nothing along."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

from django.conf import settings

from mlops.inference.errors import ArtifactError
from mlops.inference.protocol import WATCHED, Progress, silent

logger = logging.getLogger(__name__)

# A tiny encoder takes seconds; a large one on a slow machine some minutes.
TIMEOUT_SECONDS = 3600
_ERROR_LINES = 12


class ProcessError(ArtifactError):
    """The work failed; code and message are those of the process that did it."""

    code = "process_failed"


def process_run(
    module: str, arguments: Sequence[str], *, progress: Progress | None = None
) -> dict[str, Any]:
    """Run ``python -m module arguments`` and return what it found.

    Raises:
        ProcessError: with the code and the words of the failure.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    logger.info("running %s", " ".join(command[2:]))
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(  # noqa: S603 - our own modules, no shell
            command,
            cwd=settings.BASE_DIR,
            env={**os.environ, WATCHED: "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        timer = threading.Timer(TIMEOUT_SECONDS, process.kill)
        timer.start()
        try:
            last = _follow(process, progress or silent)
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
        return _outcome(last, process.wait(), _read(errors))


def _read(errors: IO[str]) -> str:
    errors.seek(0)
    return errors.read()


def _follow(process: subprocess.Popen[str], progress: Progress) -> dict[str, Any]:
    last: dict[str, Any] = {}
    assert process.stdout is not None
    for line in process.stdout:
        last = json.loads(line)
        if "progress" in last:
            progress(last["progress"], last["message"])
    return last


def _outcome(last: dict[str, Any], status: int, errors: str) -> dict[str, Any]:
    if "result" in last and not status:
        result: dict[str, Any] = last["result"]
        return result
    if "error" in last:
        raise ProcessError(last["error"]["detail"], code=last["error"]["code"])
    if status == -9:
        raise ProcessError("the process was killed, for time or for memory", code="process_killed")
    lines = "\n".join(errors.strip().splitlines()[-_ERROR_LINES:])
    raise ProcessError(f"the process ended with status {status}:\n{lines}")
