"""What routing needs to know of a caller."""

from __future__ import annotations

from accounts.api import Asked, ScopeMissingError, call_of
from config.common.logs import request_id
from mlops.routing.table import Caller

PIN_SCOPE = "models:read"


def routed_caller(request: Asked, subject: str) -> Caller:
    """The caller of *request*, on behalf of *subject*."""
    principal = call_of(request).principal
    if principal is None:
        return Caller(subject=subject, request=request_id.get())
    return Caller(
        subject=subject,
        key=principal.key_id,
        user=str(principal.user.pk),
        tier=principal.tier.name,
        request=request_id.get(),
    )


def model_asked(request: Asked, model: str) -> str:
    """The version that the caller names, else the one that its key is pinned to, else nothing.

    Raises:
        ScopeMissingError: if it may not choose.
    """
    principal = call_of(request).principal
    if model:
        if principal is not None and PIN_SCOPE not in principal.scopes:
            raise ScopeMissingError(f"To name a `model` this needs the scope {PIN_SCOPE}.")
        return model
    return principal.key.pinned_model if principal and principal.key else ""
