"""``manage.py archive_model``: take a version out of use, bring it back, or free its files."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from mlops.management.base import VERSION_HELP, ModelCommand, version_values
from mlops.services.versions import version_archive, version_delete, version_restore


class Command(ModelCommand):
    """What serves is refused: promote another version first."""

    help = "Archive a version; --restore brings it back, --delete frees its files for good."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help=VERSION_HELP)
        group = parser.add_mutually_exclusive_group()
        group.add_argument("--restore", action="store_true", help="Bring it back.")
        group.add_argument("--delete", action="store_true", help="Free its files.")
        parser.add_argument("--reason", default="", help="Kept with the event.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        version, reason = self.version(options["version"]), options["reason"]
        with self.errors():
            if options["delete"]:
                version_delete(version=version, reason=reason)
                done = "deleted"
            elif options["restore"]:
                version_restore(version=version, reason=reason)
                done = "validated again"
            else:
                version_archive(version=version, reason=reason)
                done = "archived"
        version.refresh_from_db()
        self.answer(version_values(version), f"{version} is {done}.", as_json=options["json"])
