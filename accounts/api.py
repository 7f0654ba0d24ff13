"""What other apps may use of this one."""

from __future__ import annotations

from accounts.activity import recorder
from accounts.addresses import client_address
from accounts.audit import record as audit_record
from accounts.authentication import api_key_of
from accounts.calls import Asked, call_of, user_of
from accounts.models import ApiKey, Tier, User
from accounts.numbered import numbered_secrets
from accounts.permissions import ScopeMissingError
from accounts.principals import Principal, principal_known
from accounts.quotas import call_settle, documents_admit
from accounts.services import api_key_create, first_admin_create

key_used = recorder.key_used

__all__ = [
    "ApiKey",
    "Asked",
    "Principal",
    "ScopeMissingError",
    "Tier",
    "User",
    "api_key_create",
    "api_key_of",
    "audit_record",
    "call_of",
    "call_settle",
    "client_address",
    "documents_admit",
    "first_admin_create",
    "key_used",
    "numbered_secrets",
    "principal_known",
    "user_of",
]
