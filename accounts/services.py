"""What changes users and keys."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.keys import key_digest, key_generate, pepper_current
from accounts.models import ApiKey, User


def api_key_create(
    *, user: User, name: str, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key of *user* and its plaintext, which is not kept and cannot be shown again."""
    key, pepper_number = key_generate(), pepper_current()
    row = ApiKey.objects.create(
        user=user,
        name=name,
        lookup_id=key.lookup_id,
        digest=key_digest(key, pepper_number),
        pepper_number=pepper_number,
        expires_at=expires_at,
    )
    return row, key.plaintext


def api_key_revoke(*, key: ApiKey) -> ApiKey:
    """Make *key* useless at once. Revoking twice keeps the first time."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
    return key


@transaction.atomic
def first_admin_create(*, email: str) -> tuple[User, str, str] | None:
    """The first administrator with password and API key, or None if there is one already."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    user = User.objects.create_superuser(email=email, password=password)
    _, plaintext = api_key_create(user=user, name="first key")
    return user, password, plaintext
