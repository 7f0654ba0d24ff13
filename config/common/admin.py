"""What every page of the admin is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest

if TYPE_CHECKING:
    # unfold brings no types; its class is Django's with other templates and widgets.
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

__all__ = ["ModelAdmin", "ReadOnlyAdmin"]


class ReadOnlyAdmin(ModelAdmin[Any]):
    """Rows that services write and people only read."""

    # Counting a table of millions for one number is not worth the wait.
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Written by services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """History does not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nor does it end."""
        return False
