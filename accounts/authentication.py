"""API keys, tokens and browser sessions as DRF authentication classes."""

from __future__ import annotations

from uuid import UUID

from rest_framework import authentication, status
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from accounts import audit
from accounts.activity import recorder
from accounts.addresses import client_address
from accounts.calls import Asked, call_of
from accounts.keys import KEY_PREFIX
from accounts.models import ApiKey, User
from accounts.principals import Principal, principal_by_key, principal_by_user
from accounts.quotas import failure_count
from accounts.tokens import AccessToken, token_matches

KEYWORD = "Api-Key"
BEARER = "Bearer"


class InvalidApiKeyError(AuthenticationFailed):
    """One error for unknown, wrong, expired and revoked keys: a caller learns nothing more."""

    default_code = "invalid_api_key"
    default_detail = (
        "The API key is not valid. Send it as: Authorization: Api-Key val_<id>_<secret>"
    )


class InvalidTokenError(AuthenticationFailed):
    """One error for expired, forged and blacklisted tokens, and for those of former users."""

    default_code = "token_not_valid"
    default_detail = "The token is not valid or has expired; get another at /api/v1/auth/token/."


class MultipleCredentialsError(APIException):
    """Whom to believe would be a guess."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "multiple_credentials"
    default_detail = "Send one credential: either Authorization or X-API-Key, and only once."


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """``Authorization: Api-Key val_<id>_<secret>``, ``X-API-Key``, or a key sent as Bearer."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's user and the key; None if the request carries no API key.

        Raises:
            InvalidApiKeyError: if it carries one that is not valid.
            MultipleCredentialsError: if it carries two.
            RateLimitedError: after too many failures from one address.
        """
        value = api_key_of(request)
        if value is None:
            return None
        principal = principal_by_key(value)
        if principal is None or principal.key is None or not _reachable(principal, request):
            failure_count(request)
            raise InvalidApiKeyError
        recorder.key_used(principal.key.pk)
        call_of(request).principal = principal
        return principal.user, principal.key

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer to a missing credential 401 instead of 403."""
        return KEYWORD


class JwtAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <access token>``."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        """The token's user and the token; None if the request carries no token.

        Raises:
            InvalidTokenError: if it carries one that is not valid.
            RateLimitedError: after too many failures from one address.
        """
        scheme, value = _authorization(request)
        if scheme != BEARER.lower():
            return None
        try:
            token = AccessToken(value)  # type: ignore[arg-type]
            principal = _principal_of(token)
        except (TokenError, KeyError, ValueError):
            principal = None
        if principal is None:
            failure_count(request)
            raise InvalidTokenError
        call_of(request).principal = principal
        return principal.user, token

    def authenticate_header(self, request: Request) -> str:
        """As RFC 6750 has it."""
        return BEARER


class SessionAuthentication(authentication.SessionAuthentication):
    """A person who is logged in to the admin; needs the CSRF token as ever."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """The user of the session, or None."""
        result = super().authenticate(request)
        if result is None:
            return None
        user = result[0]
        assert isinstance(user, User)
        call_of(request).principal = principal_by_user(user.pk)
        return user, None


def api_key_of(request: Asked) -> str | None:
    """The API key that *request* carries, valid or not.

    Raises:
        MultipleCredentialsError: if it carries another credential beside it.
    """
    scheme, value = _authorization(request)
    header: str | None = request.META.get("HTTP_X_API_KEY")
    # Clients of other services only know Bearer; a key is recognised by its prefix.
    is_key = scheme == KEYWORD.lower() or value.startswith(f"{KEY_PREFIX}_")
    known = is_key or scheme == BEARER.lower()
    if known and (header is not None or "," in value):
        raise MultipleCredentialsError
    return value if is_key else header


def _authorization(request: Asked) -> tuple[str, str]:
    scheme, _, value = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    return scheme.lower(), value.strip()


def _principal_of(token: AccessToken) -> Principal | None:
    """Whose *token* is. One that does not match may be newer than what is known of its user."""
    user_id = UUID(token["sub"])
    for fresh in (False, True):
        principal = principal_by_user(user_id, fresh=fresh)
        if principal is not None and token_matches(token.payload, principal.user):
            return principal.narrowed(token["scopes"])
    return None


def _reachable(principal: Principal, request: Request) -> bool:
    address = client_address(request)
    if principal.reaches_from(address):
        return True
    audit.network_refused(principal, request)
    return False
