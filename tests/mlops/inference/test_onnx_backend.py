"""mlops.inference.onnx_backend: a session of the int8 export, as every server process has one"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

# What ONNX Runtime itself takes for a reason to tell nobody anything.
SILENCING = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "GITHUB_ACTIONS", "TF_BUILD")
LOAD = (
    "import os, sys; from pathlib import Path\n"
    "from mlops.inference.classifier import Classifier\n"
    "print(Classifier.load(Path(sys.argv[1])).predict(['Thank you!']).shape)\n"
    "print(len(os.listdir('/proc/self/task')))\n"
)


def load(folder: Path, home: Path) -> tuple[str, int]:
    """The shape of an answer, and the threads that there are afterwards."""
    kept = {name: value for name, value in os.environ.items() if name not in SILENCING}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)],
        cwd=settings.BASE_DIR,
        env=kept | {"HOME": str(home), "XDG_CACHE_HOME": "", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    shape, threads = done.stdout.splitlines()
    return shape, int(threads)


def test_it_works(version_folder_int8, tmp_path):
    assert load(version_folder_int8, tmp_path)[0] == "(1, 28)"


def test_nobody_is_told_of_it(version_folder_int8, tmp_path):
    """ONNX Runtime would begin by giving the machine a number, kept below the home folder."""
    load(version_folder_int8, tmp_path)
    assert list(tmp_path.rglob("*")) == []
