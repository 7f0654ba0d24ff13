"""``manage.py train_model``: fine-tune an encoder and write it as an artifact."""

from __future__ import annotations

import json
import logging
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

# Exit statuses, as of every command: 1 for work that failed, 2 for a command line that cannot work.
FAILED, MISUSED = 1, 2


class Command(BaseCommand):
    """Trains, compares with a baseline, exports, calibrates and writes an artifact folder."""

    help = (
        "Fine-tune an encoder on GoEmotions-format files and write the artifact. An interrupted "
        "run goes on where it stopped. Needs mlops/training/requirements.txt."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--recipe", default="minilm", help="name in mlops/training/recipes, or a .toml file")
        add("--train", type=Path, required=True, help="text <TAB> label ids <TAB> comment id")
        add("--dev", type=Path, required=True, help="rows for calibration and thresholds")
        add("--labels", type=Path, required=True, help="label names, one a line")
        add("--auxiliary", type=Path, help="CSV of a second domain, if the recipe wants one")
        add("--base", type=Path, help="encoder folder (default: all-MiniLM-L6-v2)")
        add("--output", type=Path, required=True, help="artifact folder to write")
        add("--work", type=Path, required=True, help="folder for checkpoints")
        add("--name", default="valence-minilm", help="the model's name")
        # "--version" is Django's own.
        add("--model-version", default="1", help="the model's version")
        add("--device", default="auto", help="auto, cpu, cuda or mps")
        add("--seed", type=int, help="instead of the recipe's")
        add("--no-resume", action="store_true", help="start over")
        add("--no-progress", action="store_true", help="no progress bars")
        add("--json", action="store_true", help="the whole manifest instead of a summary")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            # Here, and not above: torch takes seconds to import, --help should not.
            from mlops.training import pipeline
        except ImportError as error:
            raise CommandError(
                f"training needs the packages of mlops/training/requirements.txt: {error}",
                returncode=FAILED,
            ) from error
        training = self._training(pipeline, options)
        # The quantiser remarks on every tensor through the root logger.
        logging.disable(logging.INFO)
        try:
            manifest = pipeline.training_run(training)
        except pipeline.TRAINING_ERRORS as error:
            raise CommandError(str(error), returncode=FAILED) from error
        finally:
            logging.disable(logging.NOTSET)
        if options["json"]:
            self.stdout.write(manifest.to_json(), ending="")
            return
        self.stdout.write(f"{training.output}: {manifest.name} {manifest.version}")
        self.stdout.write(json.dumps(manifest.metrics["dev_cross_validated"], indent=2))

    def _training(self, pipeline: Any, options: dict[str, Any]) -> Any:
        from mlops.training.recipe import RecipeError, recipe_load, recipe_seeded

        self._paths_check(options)
        try:
            recipe = recipe_load(options["recipe"])
            base = options["base"] or pipeline.base_folder_default()
        except (RecipeError, pipeline.BaseModelError) as error:
            raise CommandError(str(error), returncode=MISUSED) from error
        if options["seed"] is not None:
            recipe = recipe_seeded(recipe, options["seed"])
        return pipeline.Training(
            recipe=recipe,
            base=base,
            resume=not options["no_resume"],
            show_progress=not options["no_progress"] and sys.stderr.isatty(),
            report=self.stderr.write,
            version=options["model_version"],
            **{key: options[key] for key in _PASSED_ON},
        )

    def _paths_check(self, options: dict[str, Any]) -> None:
        """All missing files in one error."""
        named = ("train", "dev", "labels", "auxiliary", "base")
        missing = [
            f"--{name} {options[name]}"
            for name in named
            if options[name] is not None and not options[name].exists()
        ]
        if missing:
            raise CommandError(f"no such file: {', '.join(missing)}", returncode=MISUSED)


_PASSED_ON = ("train", "dev", "labels", "auxiliary", "output", "work", "name", "device")
