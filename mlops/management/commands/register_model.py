"""``manage.py register_model``: bring a model of your own."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlops.inference.errors import ArtifactError
from mlops.services.versions import folder_register


class Command(BaseCommand):
    """Takes an artifact folder, or what ``save_pretrained`` leaves; safetensors only."""

    help = "Register a model folder: an artifact, or a Hugging Face sequence classifier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--name", help="Of the model; default: the folder's name.")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder}: no such folder", returncode=2)
        try:
            version = folder_register(folder=folder, name=options["name"])
        except ArtifactError as error:
            raise CommandError(f"{error} ({error.code})") from error
        self.stdout.write(f"registered {version} as {version.model.name}:{version.number}")
