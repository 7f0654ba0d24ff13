"""``python -m mlops.evaluation FOLDER SPECIFICATION.json``: everything that promotions look at.

In a process of its own: only there does resident memory say what one model takes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mlops.evaluation.behaviour.suite import pass_rate
from mlops.evaluation.runner import EvaluationFiles, evaluation_run
from mlops.evaluation.speed import speed_compare
from mlops.inference.backends import RuntimeOptions
from mlops.inference.classifier import Classifier
from mlops.inference.memory import resident_megabytes
from mlops.inference.protocol import Progress, work_main

# The processor, one thread: figures of two versions compare on any machine.
OPTIONS = RuntimeOptions(device="cpu", threads=1)


def evaluate(folder: Path, specification: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """All figures of the artifact in *folder*, with memory, behaviour and relative speed."""
    progress(0.02, "loading the model")
    before = resident_megabytes()
    classifier = Classifier.load(folder, OPTIONS)
    loaded = resident_megabytes() - before
    files = EvaluationFiles(
        Path(specification["data"]),
        names=specification["labels"],
        label_map=specification["label_map"],
    )
    result = evaluation_run(
        classifier,
        files,
        outputs=Path(specification["outputs"]),
        progress=lambda share, message: progress(0.05 + 0.7 * share, message),
    )
    progress(0.8, "asking the behavioural cases")
    result["behaviour"] = pass_rate(classifier)
    result["memory_mb"] = round(loaded, 1)
    against = specification.get("against")
    if against:
        progress(0.9, "timing it against the champion")
        champion = Classifier.load(Path(against), OPTIONS)
        result["speed_against"] = speed_compare(classifier, champion)
    return result


if __name__ == "__main__":
    _specification = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    sys.exit(work_main(lambda progress: evaluate(Path(sys.argv[1]), _specification, progress)))
