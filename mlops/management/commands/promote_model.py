"""``manage.py promote_model``: choose the version that serves."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from mlops.management.base import MISUSED, VERSION_HELP, ModelCommand, version_values
from mlops.services.versions import version_promote, version_rollback


class Command(ModelCommand):
    """Running servers load the version beside the old one and swap, without losing a request."""

    help = "Serve a version, or with --rollback the one before it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("version", help=VERSION_HELP)
        add("--rollback", action="store_true", help="Serve what served before it.")
        add("--force", action="store_true", help="Whatever the gates say; needs --reason.")
        add("--reason", default="", help="Kept with the event.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rollback"] and options["force"]:
            raise CommandError("--rollback asks no gate; leave --force out", returncode=MISUSED)
        version = self.version(options["version"])
        with self.errors():
            if options["rollback"]:
                serving = version_rollback(version=version, reason=options["reason"])
            else:
                serving = version_promote(
                    version=version, reason=options["reason"], force=options["force"]
                )
        self.answer(version_values(serving), f"{serving} serves now.", as_json=options["json"])
