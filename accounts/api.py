"""What other apps may use of this one."""

from __future__ import annotations

from accounts.addresses import client_address
from accounts.audit import record as audit_record
from accounts.calls import call_of, user_of
from accounts.models import ApiKey, Tier, User
from accounts.numbered import numbered_secrets
from accounts.permissions import ScopeMissingError
from accounts.principals import Principal
from accounts.quotas import documents_admit
from accounts.services import api_key_create, first_admin_create

__all__ = [
    "ApiKey",
    "Principal",
    "ScopeMissingError",
    "Tier",
    "User",
    "api_key_create",
    "audit_record",
    "call_of",
    "client_address",
    "documents_admit",
    "first_admin_create",
    "numbered_secrets",
    "user_of",
]
