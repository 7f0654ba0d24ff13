"""``manage.py list_api_keys``."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import ApiKey
from accounts.serializers import KeySerializer

_COLUMNS = ("id", "user", "name", "last_used_at", "expires_at", "revoked_at")


class Command(BaseCommand):
    """A table for people, JSON lines for programs."""

    help = "List API keys, newest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", metavar="EMAIL", help="Of this user only.")
        parser.add_argument("--json", action="store_true", help="One JSON object a line.")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = ApiKey.objects.select_related("user", "created_by", "replaces")
        if options["user"]:
            keys = keys.filter(user__email__iexact=options["user"])
        rows = [
            # Which pepper still has keys, before it is retired.
            {**KeySerializer(key).data, "pepper_number": key.pepper_number}
            for key in keys
        ]
        if options["json"]:
            for row in rows:
                self.stdout.write(json.dumps(row, default=str))
            return
        table = [_COLUMNS, *(tuple(_cell(row[name]) for name in _COLUMNS) for row in rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    return str(value) if value else "-"
