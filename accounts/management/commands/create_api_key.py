"""``manage.py create_api_key EMAIL``."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.constants import Scope
from accounts.models import User
from accounts.services import api_key_create


class Command(BaseCommand):
    """Prints the key on stdout, and nothing else, so that it can be piped."""

    help = "Create an API key of a user; it is shown once, on stdout."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="Of the user whom the key speaks for.")
        parser.add_argument("--name", default="command line")
        parser.add_argument(
            "--scope",
            action="append",
            choices=Scope.values,
            help="May be repeated; without it the key has all scopes of the user's role.",
        )
        parser.add_argument("--days", type=int, help="Expires after so many days.")
        parser.add_argument(
            "--network", action="append", default=[], help="Such as 192.0.2.0/24; repeatable."
        )
        parser.add_argument("--json", action="store_true", help="Id and key as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['email']}; see create_user.")
        days = options["days"]
        try:
            row, key = api_key_create(
                user=user,
                name=options["name"],
                scopes=options["scope"],
                allowed_networks=options["network"],
                expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stderr.write(f"Key {row.lookup_id} of {user}: {', '.join(row.scopes)}")
        self.stdout.write(json.dumps({"id": row.lookup_id, "key": key}) if options["json"] else key)
