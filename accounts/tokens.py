"""JSON web tokens: signed with a numbered key of their own, never stored.

SimpleJWT brings the format, the lifetimes and the blacklist; it knows one signing key and keeps
the text of every refresh token in the database. Both are replaced here.
"""

from __future__ import annotations

from typing import Any, cast

import jwt
from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts.models import User
from accounts.numbered import numbered_secrets
from accounts.principals import Principal

ALGORITHM = "HS256"
# HMAC-SHA-256 is as strong as its key up to 32 bytes.
MIN_SIGNING_KEY_LENGTH = 32


class KeyedTokenBackend(TokenBackend):
    """Signs with the key of the highest number; verifies with the one that ``kid`` names."""

    def encode(self, payload: dict[str, Any]) -> str:
        """The signed token."""
        kid = max(signing_keys())
        claims = {**payload, "iss": self.issuer}
        return jwt.encode(claims, signing_keys()[kid], ALGORITHM, headers={"kid": str(kid)})

    def get_verifying_key(self, token: Any) -> bytes:
        """The key that *token* says it was signed with.

        Raises:
            InvalidTokenError: PyJWT's, if it names none that is configured.
        """
        kid = jwt.get_unverified_header(token).get("kid")
        if not isinstance(kid, str) or not kid.isascii() or not kid.isdigit():
            raise jwt.InvalidTokenError("kid")
        key = signing_keys().get(int(kid[:6]))
        if key is None:
            raise jwt.InvalidTokenError("kid")
        return key


def signing_keys() -> dict[int, bytes]:
    """The keys of JWT_SIGNING_KEYS by number."""
    return numbered_secrets("JWT_SIGNING_KEYS", settings.JWT_SIGNING_KEYS, MIN_SIGNING_KEY_LENGTH)


_backend = KeyedTokenBackend(ALGORITHM, issuer=api_settings.ISSUER, leeway=api_settings.LEEWAY)


class AccessToken(tokens.AccessToken):
    """Speaks for its user until it expires, within the scopes in its claims."""

    _token_backend = _backend


class AnyToken(tokens.UntypedToken):
    """For looking at a token whatever its type."""

    _token_backend = _backend


class RefreshToken(tokens.RefreshToken):
    """Good for one exchange; the database knows its id and never its text."""

    _token_backend = _backend
    access_token_class = AccessToken

    @classmethod
    def for_principal(cls, principal: Principal) -> RefreshToken:
        """A new token with the scopes of the user's role."""
        token = cls()
        token["sub"] = str(principal.user.pk)
        token["scopes"] = sorted(principal.scopes)
        token["stamp"] = stamp(principal.user)
        _row(token.payload, principal.user)
        return token


def token_spend(claims: dict[str, Any], user: User) -> bool:
    """Make a refresh token useless; False if it was already. Of two at once, one gets True."""
    _, spent = BlacklistedToken.objects.get_or_create(token=_row(claims, user))
    return spent


def _row(claims: dict[str, Any], user: User) -> OutstandingToken:
    row, _ = OutstandingToken.objects.get_or_create(
        jti=claims["jti"],
        defaults={
            "user": user,
            "token": "",
            "created_at": datetime_from_epoch(claims["iat"]),
            "expires_at": datetime_from_epoch(claims["exp"]),
        },
    )
    return row


def stamp(user: User) -> str:
    """Changes with the user's password, so that every token from before is refused."""
    digest = salted_hmac("valence.token-stamp", user.password, algorithm="sha256").hexdigest()
    return digest[:16]


def token_matches(claims: dict[str, Any], user: User) -> bool:
    """Whether a token was made for *user* as they are now."""
    return constant_time_compare(str(claims.get("stamp", "")), stamp(user))


def tokens_revoke(user: User) -> int:
    """Make every refresh token of *user* useless; the number of those that were not."""
    rows = OutstandingToken.objects.filter(user=user, blacklistedtoken=None)
    spent = [BlacklistedToken(token=row) for row in rows]
    return len(BlacklistedToken.objects.bulk_create(spent, ignore_conflicts=True))


def claims_of(text: str) -> dict[str, Any]:
    """The verified claims of a token of any type.

    Raises:
        TokenError: if it is not valid or was spent.
    """
    token = AnyToken(cast("Any", text))
    if BlacklistedToken.objects.filter(token__jti=token.get("jti")).exists():
        raise TokenError("Token is blacklisted")
    return token.payload
