"""``python -m emotions.benchmarks.folders TEXTS FOLDER FOLDER ...``: processor time, in turn.

A text by itself and within a batch of 64, on one thread, tokenising included. The last folder is 1.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from emotions.benchmarks.bare import direct_batch, direct_call, unique
from mlops.evaluation.datasets import texts_read
from mlops.inference.backends import RuntimeOptions
from mlops.inference.classifier import Classifier

SINGLES, BATCHES, SIZE = 1500, 60, 64
OPTIONS = RuntimeOptions(device="cpu", threads=1)


def folders_table(texts: Sequence[str], folders: Sequence[Path]) -> str:
    """Means, because a cascade's single texts are of two kinds; their spread is of ten parts."""
    models = [Classifier.load(folder, OPTIONS) for folder in folders]
    new = unique(texts)
    singles = [
        [_processor_ms(direct_call, model, text) for model in models]
        for text in itertools.islice(new, SINGLES)
    ]
    batches = [
        [_processor_ms(direct_batch, model, many) / SIZE for model in models]
        for many in (list(itertools.islice(new, SIZE)) for _ in range(BATCHES))
    ]
    lines = ["| | one text, ms | to the last | in a batch of 64, ms | to the last |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for index, model in enumerate(models):
        cells = [*_cells(np.array(singles), index), *_cells(np.array(batches), index)]
        lines.append(f"| {model.manifest.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(times: np.ndarray, index: int) -> tuple[str, str]:
    parts = np.array([part.mean(axis=0) for part in np.array_split(times, 10)])
    ratios = parts[:, index] / parts[:, -1]
    overall = times[:, index].mean() / times[:, -1].mean()
    return f"{times[:, index].mean():.2f}", f"{overall:.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def _processor_ms(function: Callable[..., object], *arguments: object) -> float:
    started = time.process_time()
    function(*arguments)
    return (time.process_time() - started) * 1000


if __name__ == "__main__":
    _texts, *_folders = map(Path, sys.argv[1:])
    sys.stdout.write(folders_table(texts_read(_texts), _folders) + "\n")
