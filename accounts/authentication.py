"""API keys as a DRF authentication class."""

from __future__ import annotations

import hmac

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.keys import ParsedKey, key_digest, key_parse, pepper_current
from accounts.models import ApiKey, User

KEYWORD = "Api-Key"
# Compared against when no key matches, so that an unknown id takes as long as a wrong secret.
_NO_DIGEST = "0" * 64


class InvalidApiKeyError(AuthenticationFailed):
    """One error for unknown, wrong, expired and revoked keys: a caller learns nothing more."""

    default_code = "invalid_api_key"
    default_detail = (
        "The API key is not valid. Send it as: Authorization: Api-Key val_<id>_<secret>"
    )


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Api-Key val_<id>_<secret>``, or ``X-API-Key``."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        """The key's user and the key; None if the request carries no API key.

        Raises:
            InvalidApiKeyError: if it carries one that is not valid.
        """
        value = _credential(request)
        if value is None:
            return None
        parsed = key_parse(value)
        row = parsed and _lookup(parsed)
        if not row:
            raise InvalidApiKeyError
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer to a missing credential 401 instead of 403."""
        return KEYWORD


def _credential(request: Request) -> str | None:
    keyword, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if keyword.lower() == KEYWORD.lower():
        return str(value).strip()
    header: str | None = request.META.get("HTTP_X_API_KEY")
    return header


def _lookup(parsed: ParsedKey) -> ApiKey | None:
    """The usable key that *parsed* is the plaintext of."""
    row = ApiKey.objects.select_related("user").filter(lookup_id=parsed.lookup_id).first()
    if not hmac.compare_digest(_expected(parsed, row), row.digest if row else _NO_DIGEST):
        return None
    return row if row and _usable(row) else None


def _expected(parsed: ParsedKey, row: ApiKey | None) -> str:
    try:
        # Without a row a digest is computed all the same: both ways take the same time.
        return key_digest(parsed, row.pepper_number if row else pepper_current())
    except KeyError:  # its pepper was retired
        return ""


def _usable(row: ApiKey) -> bool:
    expired = row.expires_at is not None and row.expires_at <= timezone.now()
    return row.revoked_at is None and not expired and row.user.is_active
