"""ONNX export in a process of its own, so that torch never enters a server."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from mlops.inference.artifact import artifact_verify
from mlops.inference.errors import ArtifactError
from mlops.inference.manifest import MANIFEST_NAME, Precision

logger = logging.getLogger(__name__)

# A tiny encoder takes seconds; a large one on a slow machine some minutes.
EXPORT_TIMEOUT_SECONDS = 1800
_ERROR_LINES = 12


class ExportError(RuntimeError):
    """An export that failed or was outside its tolerance; the message is the exporter's."""


def artifact_export(*, source: Path, target: Path, precision: Precision) -> None:
    """Write the ONNX export of the artifact *source* to *target*, unless a whole one is there.

    Raises:
        ExportError: with the last lines of what the exporter said.
    """
    if _is_whole(target):
        return
    command = [sys.executable, "-m", "mlops.export", str(source), str(target), precision]
    logger.info("exporting %s to %s ONNX", source, precision)
    try:
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            command,
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=EXPORT_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExportError(f"no export after {EXPORT_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-_ERROR_LINES:])
        raise ExportError(f"the exporter ended with status {done.returncode}:\n{last}")


def _is_whole(folder: Path) -> bool:
    """Whether *folder* holds an artifact that verifies; a damaged one is made again."""
    if not (folder / MANIFEST_NAME).exists():
        return False
    try:
        artifact_verify(folder)
    except ArtifactError as error:
        logger.warning("exporting again: %s", error)
        return False
    return True
