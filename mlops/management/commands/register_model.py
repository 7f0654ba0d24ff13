"""``manage.py register_model``: bring a model of your own."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlops.inference.errors import ArtifactError
from mlops.inference.hub import hub_folder
from mlops.services.versions import folder_register


class Command(BaseCommand):
    """Takes an artifact, or what ``save_pretrained`` leaves, from disk or hub; safetensors only."""

    help = "Register a model: an artifact folder, or a Hugging Face sequence classifier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="A folder, or with --revision a repository of the hub.")
        parser.add_argument("--revision", help="The repository's commit, 40 hexadecimal digits.")
        parser.add_argument("--name", help="Of the model; default: the last part of the source.")

    def handle(self, *args: Any, **options: Any) -> None:
        source, revision = options["source"], options["revision"]
        name = options["name"] or Path(source).resolve().name
        try:
            folder = hub_folder(source, revision) if revision else Path(source)
            if not folder.is_dir():
                hint = "for a repository of the hub name its --revision"
                raise CommandError(f"{folder}: no such folder; {hint}", returncode=2)
            version = folder_register(folder=folder, name=name)
        except ArtifactError as error:
            raise CommandError(f"{error} ({error.code})") from error
        self.stdout.write(f"registered {version} as {version.model.name}:{version.number}")
