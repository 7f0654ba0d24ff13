"""Users and their API keys: who is asking."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """The app; checks, signals and OpenAPI extensions register on import."""

    name = "accounts"

    def ready(self) -> None:
        from accounts import checks, openapi, signals  # noqa: F401
        from accounts.roles import roles_sync

        post_migrate.connect(roles_sync, dispatch_uid="accounts.roles_sync")
