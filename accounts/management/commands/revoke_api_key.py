"""``manage.py revoke_api_key ID...``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.keys import key_parse
from accounts.models import ApiKey
from accounts.services import api_key_revoke


class Command(BaseCommand):
    """All ids are looked up before anything is revoked."""

    help = "Revoke API keys; in effect within two seconds everywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "ids", nargs="+", metavar="ID", help="As list_api_keys shows it; val_<id>, or a key."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ids = [_lookup_id(value) for value in options["ids"]]
        keys = ApiKey.objects.in_bulk(ids, field_name="lookup_id")
        unknown = [lookup_id for lookup_id in ids if lookup_id not in keys]
        if unknown:
            raise CommandError(f"There is no key {', '.join(unknown)}; nothing was revoked.")
        for key in keys.values():
            api_key_revoke(key=key)
            self.stdout.write(f"{key.lookup_id} revoked")


def _lookup_id(value: str) -> str:
    """A whole key is taken, too: whoever finds one that leaked has nothing else."""
    parsed = key_parse(value)
    return parsed.lookup_id if parsed else value.removeprefix("val_").partition("_")[0]
