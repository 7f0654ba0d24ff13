"""``python -m mlops.inference FOLDER``: load, warm and describe an artifact, or say what is wrong.

In a process of its own, because safetensors need torch, and torch does not leave a process again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mlops.inference.backends import RuntimeOptions
from mlops.inference.classifier import Classifier
from mlops.inference.protocol import Progress, work_main


def check(folder: Path, progress: Progress) -> dict[str, Any]:
    """Digest and device of the artifact in *folder* after it has answered."""
    progress(0.1, "loading the model")
    classifier = Classifier.load(folder, RuntimeOptions(device="cpu", threads=1))
    return {"digest": classifier.digest, "device": classifier.device}


if __name__ == "__main__":
    sys.exit(work_main(lambda progress: check(Path(sys.argv[1]), progress)))
