"""``manage.py evaluate_cascade``: what a small model asked first saves, and what it costs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from mlops.evaluation.cascade import Point, answers_timed, cascade_curve
from mlops.evaluation.datasets import dataset_read
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactError
from mlops.management.base import FAILED, MISUSED, ModelCommand
from mlops.training.data import DataFormatError

_MODEL_HELP = "Artifact folder, or a registered NAME or NAME:NUMBER."


class Command(ModelCommand):
    """Asks both models everything, then works out cascades; ``register_cascade`` makes one."""

    help = "The quality-cost curve of a small model that hands on what it doubts to a full one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("small", help=_MODEL_HELP)
        parser.add_argument("full", help=_MODEL_HELP)
        parser.add_argument(
            "--data", type=Path, required=True, help="Labelled rows: TSV as GoEmotions', or CSV."
        )
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        folders = [self.model(options[name])[1] for name in ("small", "full")]
        path = self.file(options["data"])
        try:
            small, full = (Classifier.load(folder) for folder in folders)
            data = dataset_read(path, small.manifest.labels)
        except (ArtifactError, DataFormatError) as error:
            raise CommandError(str(error), returncode=FAILED) from error
        if small.manifest.labels != full.manifest.labels:
            raise CommandError("the two models have different labels", returncode=MISUSED)
        self.stderr.write(f"asking both models {len(data)} texts, one by one")
        answers = answers_timed(small, full, data.texts)
        points = cascade_curve(*answers, data.targets > 0.5)
        values = {"texts": len(data), "points": [point.as_dict() for point in points]}
        self.answer(values, _table(points), as_json=options["json"])


def _table(points: list[Point]) -> str:
    """For a model card."""
    head = [
        "| handed on | macro-F1 | micro-F1 | mean time of a text |",
        "| --- | --- | --- | --- |",
    ]
    rows = [
        f"| {each.escalated:.0%} | {each.f1_macro:.3f} | {each.f1_micro:.3f} | {each.cost:.2f} |"
        for each in points
    ]
    return "\n".join([*head, *rows])
