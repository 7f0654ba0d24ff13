"""A tiny model, and rows to measure it on."""

from __future__ import annotations

import pytest

from mlops.inference.huggingface import artifact_adopt
from tests.mlops.inference.models import huggingface_folder

ROWS = "good day\t0\ta\nbad day\t1\tb\nwhat a day\t2\tc\ni am sad\t1,2\td\n"


@pytest.fixture
def artifact(tmp_path):
    source = huggingface_folder(tmp_path / "source", "bert")
    artifact_adopt(source, tmp_path / "artifact", name="tiny")
    return tmp_path / "artifact"
