"""``manage.py replay``: the last hours of the log against a candidate."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from mlops.management.base import MISUSED, VERSION_HELP, ModelCommand
from mlops.rollouts.replay import MAX_TEXTS, replay_json, replay_run, replay_words


class Command(ModelCommand):
    """Needs texts that were kept; serves and logs nothing."""

    help = "Ask a version what it says to the texts of the last hours, and compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help=VERSION_HELP)
        parser.add_argument("--hours", type=float, default=24.0)
        parser.add_argument("--limit", type=int, default=MAX_TEXTS, help="texts, the newest first")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["hours"] <= 0 or options["limit"] < 1:
            raise CommandError("--hours and --limit must be over 0", returncode=MISUSED)
        version = self.version(options["version"])
        with self.errors():
            report = replay_run(
                version=version,
                hours=options["hours"],
                limit=options["limit"],
                progress=self.progress,
            )
        shown = replay_json if options["json"] else replay_words
        self.stdout.write(shown(version, report))
