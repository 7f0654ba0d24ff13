"""Model versions and everything that makes, checks and runs them."""

from __future__ import annotations

from django.apps import AppConfig


class MlopsConfig(AppConfig):
    """The app; its checks register on import."""

    name = "mlops"
    verbose_name = "Model operations"

    def ready(self) -> None:
        from mlops import checks  # noqa: F401
        from mlops.log import checks as log_checks  # noqa: F401
