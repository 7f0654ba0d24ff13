"""``manage.py export_feedback``: feedback as training data."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from mlops.management.base import FAILED, MISUSED, VERSION_HELP, ModelCommand
from mlops.rollouts.export import feedback_export
from mlops.selectors import VersionNotFoundError, version_named, version_serving


class Command(ModelCommand):
    """Writes GoEmotions-format files that train_model and evaluate_model read."""

    help = "Write feedback and low-confidence texts to a folder, where texts were kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--days", type=float, default=30.0)
        parser.add_argument("--model", help=f"whose labels; {VERSION_HELP} Default: what serves.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["days"] <= 0:
            raise CommandError("--days must be over 0", returncode=MISUSED)
        since = timezone.now() - timedelta(days=options["days"])
        try:
            counts = feedback_export(
                folder=options["folder"], labels=_labels(options["model"]), since=since
            )
        except VersionNotFoundError as error:
            raise CommandError(str(error), returncode=MISUSED) from error
        except OSError as error:
            raise CommandError(
                f"{options['folder']}: {error.strerror}", returncode=FAILED
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(counts)))
            return
        self.stdout.write(
            f"{counts.labelled} labelled texts, {counts.unlabelled} to be labelled in "
            f"{options['folder']}"
        )
        self.stderr.write(
            f"left out: {counts.without_text} whose text was not kept, "
            f"{counts.other_labels} without a label of this model"
        )


def _labels(name: str | None) -> list[str]:
    version = version_named(name) if name else version_serving()
    if version is None:
        raise VersionNotFoundError("no version serves; name one with --model")
    return version.labels
