"""Users and their API keys: who is asking."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """The app; checks, signals and OpenAPI extensions register on import."""

    name = "accounts"

    def ready(self) -> None:
        if settings.REDIS_URL:
            # Its modules import each other in a circle: when the first requests arrive at once,
            # threads that import it together meet half of it, and answered 500.
            import django_redis.client.default  # noqa: F401
            import redis.exceptions  # noqa: F401

        from accounts import checks, openapi, signals  # noqa: F401
        from accounts.roles import roles_sync

        post_migrate.connect(roles_sync, dispatch_uid="accounts.roles_sync")
