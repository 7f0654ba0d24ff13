"""What the rows of this app share."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models


class AppendOnlyError(RuntimeError):
    """History does not change."""


class AppendOnlyModel(models.Model):
    """Rows that are written once. PostgreSQL refuses changes by itself as well."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert.

        Raises:
            AppendOnlyError: for a row that exists.
        """
        if not self._state.adding:
            raise AppendOnlyError(f"{self._meta.verbose_name} is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused.

        Raises:
            AppendOnlyError: always.
        """
        raise AppendOnlyError(f"{self._meta.verbose_name} is append-only")
