"""``manage.py fit_ratings``: valence, arousal and dominance as a map of a model's probabilities."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError

from mlops.inference.artifact import file_digest
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactError
from mlops.training.data import DataFormatError
from mlops.training.ratings import rated_texts_read, ratings_fit

# Exit statuses, as of every command: 1 for work that failed, 2 for a command line that cannot work.
FAILED, MISUSED = 1, 2


class Command(BaseCommand):
    """Fits a ridge map on rated texts and writes it as JSON."""

    help = "Fit valence, arousal and dominance on a model's probabilities (EmoBank's CSV format)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("model", type=Path, metavar="FOLDER", help="artifact folder; the export that serves")
        add("--data", type=Path, required=True, help="CSV with split, V, A, D and text")
        add("--output", type=Path, required=True, metavar="FILE.json")

    def handle(self, *args: Any, **options: Any) -> None:
        missing = [str(options[key]) for key in ("model", "data") if not options[key].exists()]
        if missing:
            raise CommandError(f"no such file or folder: {', '.join(missing)}", returncode=MISUSED)
        try:
            data = rated_texts_read(options["data"])
            classifier = Classifier.load(options["model"])
            self.stderr.write(f"scoring {len(data.texts)} texts")
            probabilities = classifier.predict(data.texts).astype(np.float64)
            fitted = ratings_fit(data, probabilities, classifier.manifest.labels)
            manifest = classifier.manifest
            about = {
                "model": f"{manifest.name} v{manifest.version}",
                "data": {"name": options["data"].name, "sha256": file_digest(options["data"])},
            }
            page = json.dumps({**about, **fitted}, indent=2) + "\n"
            options["output"].write_text(page, encoding="utf-8")
        except (ArtifactError, DataFormatError, OSError) as error:
            raise CommandError(str(error), returncode=FAILED) from error
        self.stdout.write(json.dumps(fitted["pearson_test"]))
