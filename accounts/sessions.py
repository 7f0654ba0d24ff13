"""Log-in by password, and the tokens that follow from it."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from rest_framework import status
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from accounts import audit
from accounts.authentication import InvalidTokenError
from accounts.lockout import MESSAGE, cooloff_seconds
from accounts.models import User
from accounts.principals import Principal, principal_by_user
from accounts.tokens import (
    AnyToken,
    RefreshToken,
    claims_of,
    token_matches,
    token_spend,
    tokens_revoke,
)


class InvalidCredentialsError(AuthenticationFailed):
    """One error for an unknown address, a wrong password and a disabled user."""

    default_code = "invalid_credentials"
    default_detail = "E-mail address or password is wrong, or the user is disabled."


class LockedOutError(APIException):
    """Too many failures; ``wait`` becomes Retry-After."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "locked_out"
    default_detail = MESSAGE

    def __init__(self) -> None:
        self.wait = cooloff_seconds()
        super().__init__()


def tokens_obtain(*, email: str, password: str, request: Request) -> RefreshToken:
    """A first refresh token, which brings its access token, for the right password.

    Raises:
        InvalidCredentialsError: for any other.
        LockedOutError: after too many of those.
    """
    user = authenticate(cast("HttpRequest", request), username=email, password=password)
    if getattr(request, "axes_locked_out", False):
        raise LockedOutError
    principal = principal_by_user(user.pk, fresh=True) if isinstance(user, User) else None
    if user is None or principal is None:
        raise InvalidCredentialsError
    user_logged_in.send(sender=User, request=request, user=user)
    return RefreshToken.for_principal(principal)


def tokens_refresh(*, refresh: str, request: Request) -> RefreshToken:
    """The next refresh token in exchange for *refresh*, which is spent by that.

    One that was spent before has been copied: every token of its user is revoked.

    Raises:
        InvalidTokenError: if *refresh* is not good for it.
    """
    token, principal = _refresh_token(refresh)
    if not token_spend(token.payload, principal.user):
        count = tokens_revoke(principal.user)
        audit.record(
            "token_reused",
            actor=principal.user,
            target=principal.user,
            request=request,
            revoked=count,
        )
        raise InvalidTokenError
    return RefreshToken.for_principal(principal)


def session_end(*, refresh: str, request: Request) -> None:
    """Spend *refresh*; its access tokens run out by themselves within minutes.

    Raises:
        InvalidTokenError: if it is no refresh token of ours.
    """
    token, principal = _refresh_token(refresh)
    if token_spend(token.payload, principal.user):
        audit.record("logout", actor=principal.user, target=principal.user, request=request)


def token_describe(*, token: str) -> dict[str, Any]:
    """The claims of a token that is good at this moment.

    Raises:
        InvalidTokenError: if it is not.
    """
    try:
        claims = claims_of(token)
        principal = principal_by_user(UUID(claims["sub"]), fresh=True)
    except (TokenError, KeyError, ValueError) as error:
        raise InvalidTokenError from error
    if principal is None or not token_matches(claims, principal.user):
        raise InvalidTokenError
    return claims


def _refresh_token(text: str) -> tuple[AnyToken, Principal]:
    """A refresh token with a valid signature, perhaps spent, and whose it is."""
    try:
        token = AnyToken(cast("Any", text))
        principal = principal_by_user(UUID(token["sub"]), fresh=True)
    except (TokenError, KeyError, ValueError) as error:
        raise InvalidTokenError from error
    refresh = token.get("token_type") == RefreshToken.token_type
    if principal is None or not refresh or not token_matches(token.payload, principal.user):
        raise InvalidTokenError
    return token, principal
