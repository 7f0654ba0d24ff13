"""``manage.py partitions``: the months of the request log."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from mlops.log.archive import ArchiveError
from mlops.log.maintenance import log_maintain
from mlops.log.partitions import is_partitioned, partition_drop, partitions_list, table_convert

AHEAD = 3


class Command(BaseCommand):
    """Lists without an option; each option does one thing."""

    help = "List the months of the request log, or do the daily round."

    def add_arguments(self, parser: ArgumentParser) -> None:
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            *("--maintain",),
            action="store_true",
            help="Make months ahead; archive and drop those past retention.",
        )
        action.add_argument("--detach", metavar="NAME", help="Take a month out; keep its table.")
        action.add_argument(
            *("--convert",), action="store_true", help="Partition a table that is not yet."
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        parser.add_argument("--exact", action="store_true", help="Count rows, do not estimate.")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["maintain"]:
            self._maintain(**options)
        elif options["detach"]:
            self._detach(options["detach"], dry_run=options["dry_run"])
        elif options["convert"]:
            self._convert(dry_run=options["dry_run"])
        else:
            self._list(**options)

    def _list(self, **options: Any) -> None:
        self._demand_partitions()
        rows = [
            {"name": each.name, "month": each.month, "rows": each.rows, "bytes": each.size}
            for each in partitions_list(connection, exact=options["exact"])
        ]
        if options["json"]:
            self._print(rows)
            return
        for row in rows:
            self.stdout.write("{name:<28} {rows:>12,} rows {bytes:>16,} bytes".format(**row))

    def _maintain(self, **options: Any) -> None:
        try:
            done = log_maintain(today=datetime.now(UTC).date(), dry_run=options["dry_run"])
        except (ArchiveError, RuntimeError) as error:
            raise CommandError(str(error)) from error
        if done is None:
            raise CommandError("Another process is doing the round.")
        if options["json"]:
            self._print(asdict(done))
            return
        for what, value in asdict(done).items():
            self.stdout.write(f"{what}: {value or '-'}")

    def _detach(self, name: str, *, dry_run: bool) -> None:
        self._demand_partitions()
        known = {each.name: each for each in partitions_list(connection)}
        if name not in known or known[name].month is None:
            months = ", ".join(each.name for each in known.values() if each.month)
            raise CommandError(f"There is no month {name!r}; there are: {months}", returncode=2)
        if not dry_run:
            partition_drop(connection, name, keep=True)
        self.stdout.write(f"{name} is a table of its own{' (dry run)' if dry_run else ''}.")

    def _convert(self, *, dry_run: bool) -> None:
        if connection.vendor != "postgresql" or is_partitioned(connection):
            raise CommandError("There is nothing to convert.", returncode=2)
        today = datetime.now(UTC).date()
        moved = 0 if dry_run else table_convert(connection, today=today, ahead=AHEAD)
        self.stdout.write(f"{moved:,} rows moved.")

    def _demand_partitions(self) -> None:
        if not is_partitioned(connection):
            raise CommandError("The log is one plain table on this database.", returncode=2)

    def _print(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, default=str))
