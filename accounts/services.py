"""What changes users and keys. Every function leaves a line in the audit trail."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_network

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from accounts import audit
from accounts.constants import ALL_SCOPES, MAX_GRACE_SECONDS, MAX_KEYS_PER_USER, Role, scopes_of
from accounts.keys import key_digest, key_generate, pepper_current
from accounts.models import ApiKey, User

AnyRequest = HttpRequest | Request


def user_scopes(user: User) -> frozenset[str]:
    """The scopes of the user's roles: what their credentials can have at most."""
    roles = frozenset(user.groups.order_by().values_list("name", flat=True))
    return scopes_of(roles, is_superuser=user.is_superuser)


@transaction.atomic
def user_create(
    *,
    email: str,
    password: str | None = None,
    role: Role | None = None,
    tier: str | None = None,
    is_superuser: bool = False,
    actor: User | None = None,
    request: AnyRequest | None = None,
    **fields: object,
) -> User:
    """A new user; with a role they may also look at the admin.

    Raises:
        ValidationError: for a bad or taken address, a weak password or an unknown tier.
    """
    if tier is not None:
        fields["tier_id"] = tier
    make = User.objects.create_superuser if is_superuser else User.objects.create_user
    prototype = User(email=User.objects.normalize_email(email), **fields)
    prototype.full_clean(exclude=["password", "id"])
    if password is not None:
        password_check(password, prototype)
    user = make(email, password, **fields)
    if role is not None:
        user_role_set(user=user, role=role, actor=actor, request=request)
    audit.record("user_created", actor=actor, target=user, request=request, tier=user.tier_id)
    return user


def password_check(password: str, user: User) -> None:
    """Whether *password* is good enough for *user*.

    Raises:
        ValidationError: for one that is short, common, all digits or like the address.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.error_list}) from error


@transaction.atomic
def user_role_set(
    *,
    user: User,
    role: Role | None,
    actor: User | None = None,
    request: AnyRequest | None = None,
) -> None:
    """Put *user* into the group of *role* and out of those of the other roles."""
    user.groups.remove(*Group.objects.filter(name__in=Role.values))
    if role is not None:
        user.groups.add(Group.objects.get(name=role))
    user.is_staff = role is not None or user.is_superuser
    user.save(update_fields=["is_staff"])
    audit.record("user_role_set", actor=actor, target=user, request=request, role=role or "")


@transaction.atomic
def api_key_create(
    *,
    user: User,
    name: str,
    expires_at: datetime | None = None,
    scopes: Iterable[str] | None = None,
    allowed_networks: Iterable[str] = (),
    created_by: User | None = None,
    replaces: ApiKey | None = None,
    request: AnyRequest | None = None,
) -> tuple[ApiKey, str]:
    """A new key of *user* and its plaintext, which is not kept and cannot be shown again.

    Without *scopes* the key has all that the user's role allows.

    Raises:
        ValidationError: for what ``api_key_check`` finds, and for networks that are none.
    """
    chosen = sorted(user_scopes(user) if scopes is None else set(scopes))
    networks = networks_clean(allowed_networks)
    api_key_check(user=user, scopes=chosen, expires_at=expires_at, created_by=created_by)
    key, pepper_number = key_generate(), pepper_current()
    row = ApiKey.objects.create(
        user=user,
        name=name,
        lookup_id=key.lookup_id,
        digest=key_digest(key, pepper_number),
        pepper_number=pepper_number,
        scopes=chosen,
        allowed_networks=networks,
        expires_at=expires_at,
        created_by=created_by,
        replaces=replaces,
    )
    audit.record("key_created", actor=created_by, target=row, request=request, scopes=chosen)
    return row, key.plaintext


def api_key_check(
    *, user: User, scopes: Iterable[str], expires_at: datetime | None, created_by: User | None
) -> None:
    """Whether *user* may get such a key from *created_by*.

    Raises:
        ValidationError: for unknown scopes or ones that the user does not have, for an expiry in
            the past, for more keys than a user may have, and for the key of a superuser that
            somebody else would hold in their hands.
    """
    scopes_check(scopes, user_scopes(user))
    if expires_at is not None and expires_at <= timezone.now():
        raise _wrong("expires_at", "This time has passed.", "past")
    if keys_usable(user).count() >= MAX_KEYS_PER_USER:
        message = f"A user may have {MAX_KEYS_PER_USER} keys; revoke some first."
        raise _wrong("name", message, "too_many_keys")
    if user.is_superuser and created_by is not None and not created_by.is_superuser:
        raise _wrong("user", "Only superusers make keys for superusers.", "not_allowed")


@transaction.atomic
def api_key_rotate(
    *,
    key: ApiKey,
    grace: timedelta,
    actor: User | None = None,
    request: AnyRequest | None = None,
) -> tuple[ApiKey, str]:
    """A key in place of *key*, and its plaintext; until *grace* is over both work.

    Raises:
        ValidationError: if *key* is not usable any more, was rotated before, or for a grace
            period of more than a week.
    """
    key = ApiKey.objects.select_for_update(of=("self",)).select_related("user").get(pk=key.pk)
    now = timezone.now()
    if key.revoked_at or (key.expires_at and key.expires_at <= now):
        raise ValidationError("This key is revoked or expired; create another.", code="not_usable")
    if ApiKey.objects.filter(replaces=key).exists():
        raise ValidationError("This key was rotated already.", code="rotated_already")
    if not timedelta() <= grace <= timedelta(seconds=MAX_GRACE_SECONDS):
        raise ValidationError(f"At most {MAX_GRACE_SECONDS} seconds of grace.", code="max_value")
    row, plaintext = api_key_create(
        user=key.user,
        name=key.name,
        # The role may have lost some since; a key cannot keep them.
        scopes=user_scopes(key.user) & frozenset(key.scopes),
        allowed_networks=key.allowed_networks,
        expires_at=key.expires_at,
        created_by=actor,
        replaces=key,
        request=request,
    )
    key.expires_at = min(now + grace, key.expires_at or now + grace)
    key.save(update_fields=["expires_at"])
    seconds = int(grace.total_seconds())
    audit.record(
        *("key_rotated",), actor=actor, target=key, request=request, by=row.lookup_id, grace=seconds
    )
    return row, plaintext


@transaction.atomic
def api_key_revoke(
    *, key: ApiKey, actor: User | None = None, request: AnyRequest | None = None
) -> ApiKey:
    """Make *key* useless at once. Revoking twice keeps the first time."""
    revoked = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])
    if revoked:
        audit.record("key_revoked", actor=actor, target=key, request=request)
    return key


def keys_usable(user: User) -> QuerySet[ApiKey]:
    """The keys of *user* that still work."""
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(alive, user=user, revoked_at=None)


@transaction.atomic
def first_admin_create(*, email: str) -> tuple[User, str, str] | None:
    """The first administrator with password and API key, or None if there is one already."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    user = user_create(email=email, password=password, is_superuser=True)
    _, plaintext = api_key_create(user=user, name="first key")
    return user, password, plaintext


def scopes_check(chosen: Iterable[str], allowed: frozenset[str]) -> None:
    """Whether somebody with the scopes *allowed* may hand out *chosen*.

    Raises:
        ValidationError: for unknown scopes, or ones that they do not have.
    """
    unknown = sorted(set(chosen) - ALL_SCOPES)
    if unknown:
        message = (
            f"There is no scope {', '.join(unknown)}; choose of {', '.join(sorted(ALL_SCOPES))}."
        )
        raise _wrong("scopes", message, "unknown_scope")
    beyond = sorted(set(chosen) - allowed)
    if beyond:
        message = f"The user's role does not have {', '.join(beyond)}."
        raise _wrong("scopes", message, "scope_not_allowed")


def networks_clean(values: Iterable[str]) -> list[str]:
    """Networks in their canonical form.

    Raises:
        ValidationError: for what is none, such as an address with host bits beside a mask.
    """
    try:
        return [str(ip_network(value.strip())) for value in values]
    except ValueError as error:
        raise _wrong("allowed_networks", f"Not a network: {error}", "invalid_network") from error


def _wrong(field: str, message: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(message, code=code)})
