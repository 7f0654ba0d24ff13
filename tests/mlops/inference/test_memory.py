"""Giving memory back."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("before", "loaded"), [("pass", "False"), ("import mlops.inference.launchers", "True")]
)
def test_it_works_and_brings_in_no_torch_that_was_not_there(before, loaded):
    code = (
        f"import sys; from mlops.inference.memory import *; {before}; memory_release(); "
        "print('torch' in sys.modules, resident_megabytes() > 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [loaded, "True"]
