"""What other apps may use of this one."""

from __future__ import annotations

from accounts.models import User
from accounts.services import api_key_create, first_admin_create

__all__ = ["User", "api_key_create", "first_admin_create"]
