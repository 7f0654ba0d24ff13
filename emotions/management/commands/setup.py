"""``manage.py setup``: prepare this installation; safe to run again."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emotions.setup import SetupResult, setup
from mlops.api import ArtifactError, ExportError

DEFAULT_EMAIL = "admin@example.com"


class Command(BaseCommand):
    """Migrations, the embedded model and its export, static files, a first admin and API key."""

    help = "Prepare database, model and first admin. Safe to run again."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--admin-email", default=DEFAULT_EMAIL, help="Of the first admin.")

    def handle(self, *args: Any, **options: Any) -> None:
        result = prepared(self, options["admin_email"])
        self.stdout.write(credentials(result))


def prepared(command: BaseCommand, admin_email: str) -> SetupResult:
    """The result of ``setup``, progress on stderr."""
    try:
        return setup(admin_email=admin_email, say=command.stderr.write)
    except (ArtifactError, ExportError) as error:
        raise CommandError(f"The model is not usable: {error}") from error


def credentials(result: SetupResult) -> str:
    """The first admin's secrets, or how to make others."""
    if result.admin is None:
        return "Admin and API key exist already. Another key: manage.py create_api_key EMAIL"
    return (
        "First admin, shown once:\n"
        f"  e-mail    {result.admin.email}\n"
        f"  password  {result.admin.password}\n"
        f"  API key   {result.admin.api_key}"
    )
