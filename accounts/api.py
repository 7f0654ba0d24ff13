"""What other apps may use of this one."""

from __future__ import annotations

from accounts.calls import call_of
from accounts.models import User
from accounts.principals import Principal
from accounts.quotas import documents_admit
from accounts.services import api_key_create, first_admin_create

__all__ = [
    "Principal",
    "User",
    "api_key_create",
    "call_of",
    "documents_admit",
    "first_admin_create",
]
