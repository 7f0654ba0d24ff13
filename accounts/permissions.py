"""What a caller may do, as DRF permission classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.calls import call_of

if TYPE_CHECKING:
    # DRF imports these classes while it imports its views.
    from rest_framework.views import APIView


class ScopeMissingError(PermissionDenied):
    """The credential is valid and does not reach so far."""

    default_code = "scope_missing"


class PersonRequiredError(PermissionDenied):
    """A leaked key must not be able to make others."""

    default_code = "person_required"
    default_detail = (
        "Keys are managed by people: send an access token of /api/v1/auth/token/, "
        "or log in to the admin."
    )


class HasScopes(BasePermission):
    """Somebody whose credential has all of the view's ``required_scopes``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False for nobody.

        Raises:
            ScopeMissingError: naming what is missing.
        """
        principal = call_of(request).principal
        if not request.user.is_authenticated or principal is None:
            return False
        missing = [
            scope for scope in getattr(view, "required_scopes", ()) if scope not in principal.scopes
        ]
        if missing:
            raise ScopeMissingError(
                f"This needs the scope {', '.join(missing)}; this {principal.credential} has "
                f"{', '.join(sorted(principal.scopes)) or 'none'}."
            )
        return True


class IsPerson(HasScopes):
    """A user by token or session, not by API key."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False for nobody.

        Raises:
            PersonRequiredError: for an API key.
        """
        allowed = super().has_permission(request, view)
        principal = call_of(request).principal
        if principal is not None and principal.key is not None:
            raise PersonRequiredError
        return allowed
