"""``manage.py erase_subject``: the end of what is known of one subject."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.api import User
from mlops.log.erasure import ErasureError, subject_erase


class Command(BaseCommand):
    """A subject is what a user's requests called it; that of another user is another."""

    help = "Remove or anonymise one subject's rows in tables, archives, exports and spool."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("subject", help="As the requests named it.")
        parser.add_argument("--user", required=True, metavar="EMAIL", help="Whose subject it is.")
        parser.add_argument(
            *("--anonymise",), action="store_true", help="Keep the numbers, drop what is personal."
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.", returncode=2)
        try:
            result = subject_erase(
                user=user, subject=options["subject"], anonymise=options["anonymise"]
            )
        except ErasureError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result)))
            return
        for what, count in asdict(result).items():
            self.stdout.write(f"{what.replace('_', ' ')}: {count}")
