"""``manage.py download_model``: a version's artifact as a folder anywhere."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from mlops.inference.artifact import artifact_verify
from mlops.management.base import MISUSED, VERSION_HELP, ModelCommand, version_values
from mlops.selectors import version_folder


class Command(ModelCommand):
    """The folder can be registered elsewhere, or used from a notebook."""

    help = "Write the artifact of a version to a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help=VERSION_HELP)
        parser.add_argument("folder", type=Path, help="Must not exist.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        version, target = self.version(options["version"]), options["folder"]
        if target.exists():
            raise CommandError(f"{target} exists already", returncode=MISUSED)
        with self.errors():
            source = version_folder(version)
            artifact_verify(source)
        shutil.copytree(source, target)
        words = f"{version} is in {target}"
        values = {**version_values(version), "folder": str(target)}
        self.answer(values, words, as_json=options["json"])
