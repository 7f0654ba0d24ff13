"""``manage.py analyze_log``: the months of the request log in figures, archived ones included."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand

from mlops.log.analysis import log_analyse

_LINE = (
    "{month}  {rows:>12,} rows  cached {cached:.1%}  failed {failed:,}  "
    "p50 {p50_ms} ms  p95 {p95_ms} ms"
)


class Command(BaseCommand):
    """Reads archives from the storage and the rest from the database."""

    help = "Rows, labels, confidence and latency of each month, also of archived ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=_month, metavar="YYYY-MM")
        parser.add_argument("--until", type=_month, metavar="YYYY-MM", help="Included.")
        parser.add_argument("--json", action="store_true", help="One JSON object a line.")

    def handle(self, *args: Any, **options: Any) -> None:
        months = log_analyse(since=options["since"], until=options["until"])
        if not months:
            self.stderr.write("no predictions in that time")
        for figures in months:
            row = figures.as_dict()
            if options["json"]:
                self.stdout.write(json.dumps(row))
                continue
            self.stdout.write(_LINE.format(**row))
            labels = list(row["labels"].items())[:5]
            self.stdout.write("  " + ", ".join(f"{name} {count:,}" for name, count in labels))


def _month(value: str) -> date:
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError as error:
        raise ArgumentTypeError(f"{value!r} is not a month such as 2026-11") from error
