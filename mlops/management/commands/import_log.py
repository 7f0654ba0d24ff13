"""``manage.py import_log``: predictions from another database."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from mlops.log.moving import log_import, source_connect


class Command(BaseCommand):
    """For a move from SQLite to PostgreSQL, or of one installation into another."""

    help = "Copy the predictions of the database at a URL into this one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="As DATABASE_URL, for instance sqlite:///old.sqlite3.")
        parser.add_argument("--no-progress", action="store_true")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            source_connect(options["url"])
        except ValueError as error:
            raise CommandError(f"{options['url']!r}: {error}", returncode=2) from error
        with tqdm(unit=" rows", disable=options["no_progress"] or None) as bar:
            try:
                read, new = log_import(progress=lambda rows: _advance(bar, rows))
            except DatabaseError as error:
                raise CommandError(f"{options['url']}: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps({"read": read, "new": new}))
        else:
            self.stdout.write(f"{read:,} rows read, {new:,} of them new.")


def _advance(bar: Any, rows: int) -> None:
    bar.update(rows - bar.n)
