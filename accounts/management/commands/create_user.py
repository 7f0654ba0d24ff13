"""``manage.py create_user EMAIL``."""

from __future__ import annotations

import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.constants import Role
from accounts.models import Tier
from accounts.services import user_create


class Command(BaseCommand):
    """Asks nothing: for provisioning scripts."""

    help = "Create a user without asking questions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--role", choices=Role.values, help="Without it: a plain member.")
        parser.add_argument("--tier", help="Without it: DEFAULT_TIER.")
        parser.add_argument("--superuser", action="store_true")
        password = parser.add_mutually_exclusive_group()
        password.add_argument(
            "--password-stdin", action="store_true", help="Read the password from stdin."
        )
        password.add_argument(
            "--no-password", action="store_true", help="The user has API keys only."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tier = options["tier"]
        if tier is not None and not Tier.objects.filter(name=tier).exists():
            names = ", ".join(Tier.objects.values_list("name", flat=True))
            raise CommandError(f"There is no tier {tier}; choose of {names}.")
        password, generated = _password(options)
        try:
            user = user_create(
                email=options["email"],
                password=password,
                role=Role(options["role"]) if options["role"] else None,
                tier=tier,
                is_superuser=options["superuser"],
                name=options["name"],
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stderr.write(f"User {user} in tier {user.tier_id}, id {user.pk}")
        if generated:
            self.stderr.write("Password, shown once:")
            self.stdout.write(generated)


def _password(options: dict[str, Any]) -> tuple[str | None, str]:
    """The password, and the same once more if it was made here."""
    if options["no_password"]:
        return None, ""
    if options["password_stdin"]:
        return sys.stdin.readline().rstrip("\n"), ""
    generated = secrets.token_urlsafe(12)
    return generated, generated
