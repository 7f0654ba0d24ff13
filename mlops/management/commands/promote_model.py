"""``manage.py promote_model``: choose the version that serves."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlops.inference.errors import ArtifactError
from mlops.selectors import VersionNotFoundError, version_named
from mlops.services.versions import IllegalTransitionError, version_promote, version_rollback


class Command(BaseCommand):
    """Running servers load the version beside the old one and swap, without losing a request."""

    help = "Serve a version (NAME or NAME:NUMBER), or with --rollback the one before it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", metavar="NAME[:NUMBER]")
        parser.add_argument("--rollback", action="store_true", help="Serve what served before it.")
        parser.add_argument("--reason", default="", help="Kept with the event.")

    def handle(self, *args: Any, **options: Any) -> None:
        service = version_rollback if options["rollback"] else version_promote
        try:
            version = version_named(options["version"])
            serving = service(version=version, reason=options["reason"])
        except VersionNotFoundError as error:
            raise CommandError(str(error), returncode=2) from error
        except (ArtifactError, IllegalTransitionError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{serving} serves now.")
