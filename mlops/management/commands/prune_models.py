"""``manage.py prune_models``: free what killed work left and no row names."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from mlops.management.base import ModelCommand
from mlops.services.pruning import models_prune


class Command(ModelCommand):
    """Nothing that a row names is touched, nor anything of the last hours."""

    help = "Delete files of the model storage that no version, data set or evaluation names."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--hours", type=float, default=24.0, help="Younger files stay.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        found = models_prune(hours=options["hours"])
        words = f"deleted {found['files']} files, {found['bytes'] / 1e6:.1f} MB"
        self.answer(found, words, as_json=options["json"])
