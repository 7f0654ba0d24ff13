"""``manage.py pin_key``: the version that one API key always gets."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from mlops.management.base import MISUSED, VERSION_HELP, ModelCommand
from mlops.rollouts.errors import RolloutError
from mlops.rollouts.pins import key_pin


class Command(ModelCommand):
    """Whatever rollouts say; running servers follow within two seconds."""

    help = "Pin an API key to a version, or with --none to what serves everybody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", help="the public id of the key")
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("version", nargs="?", default="", help=VERSION_HELP)
        chosen.add_argument("--none", action="store_true", help="take the pin away")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key = key_pin(lookup_id=options["key"], model=options["version"])
        except RolloutError as error:
            raise CommandError(str(error), returncode=MISUSED) from error
        self.stdout.write(f"{key} gets {key.pinned_model or 'what serves everybody'}")
