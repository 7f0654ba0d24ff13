"""Users and their API keys: who is asking."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The app; its checks register on import."""

    name = "accounts"

    def ready(self) -> None:
        from accounts import checks  # noqa: F401
