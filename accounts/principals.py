"""Who is asking, what they may do and how much: looked up at most every two seconds."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from uuid import UUID

from django.utils import timezone

from accounts.activity import recorder
from accounts.constants import scopes_of
from accounts.freshness import FreshCache
from accounts.keys import ParsedKey, key_digest, key_parse, pepper_current
from accounts.models import ApiKey, Tier, User

Network = IPv4Network | IPv6Network

# Compared against when no key matches, so that an unknown id takes as long as a wrong secret.
_NO_DIGEST = "0" * 64
# Of the same length and equal to no digest.
_NO_MATCH = "-" * 64
# Cached keys are found by a hash under this process's own secret, never by their plaintext.
_PROCESS_SECRET = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Principal:
    """A user with what this credential allows: the key's scopes within those of the role."""

    user: User
    tier: Tier
    roles: frozenset[str]
    scopes: frozenset[str]
    key: ApiKey | None = None
    networks: tuple[Network, ...] = ()
    # Unix time.
    expires_at: float = float("inf")

    @property
    def credential(self) -> str:
        """How the caller names itself in errors."""
        return "API key" if self.key else "user"

    @property
    def key_id(self) -> str:
        """The public id of the key, empty without one."""
        return self.key.lookup_id if self.key else ""

    def reaches_from(self, address: str) -> bool:
        """Whether the key may be used from *address*."""
        if not self.networks:
            return True
        place = ip_address(address)
        return any(place in network for network in self.networks)

    def narrowed(self, scopes: Iterable[str]) -> Principal:
        """The same with no more than these scopes."""
        return replace(self, scopes=self.scopes & frozenset(scopes))


_keys: FreshCache[Principal] = FreshCache()
_users: FreshCache[Principal] = FreshCache()


def principal_by_key(plaintext: str) -> Principal | None:
    """The principal of a valid API key; None for every other text.

    Cold, this is one query for what is not valid and two for what is; warm none.
    """
    parsed = key_parse(plaintext)
    if parsed is None:
        return None
    return _unexpired(_keys.get(_name(plaintext), lambda: _load_by_key(parsed)))


def principal_known(plaintext: str) -> Principal | None:
    """As ``principal_by_key``, without a query: None also where it is time for one."""
    return _unexpired(_keys.peek(_name(plaintext)))


def principal_by_user(user_id: UUID, *, fresh: bool = False) -> Principal | None:
    """The principal of an active user; None if there is none. *fresh* does not trust the cache."""
    if fresh:
        _users.forget(user_id)
    return _users.get(user_id, lambda: _load_by_user(user_id))


def _name(plaintext: str) -> bytes:
    return hashlib.blake2b(plaintext.encode(), digest_size=16, key=_PROCESS_SECRET).digest()


def _unexpired(principal: Principal | None) -> Principal | None:
    if principal is None or principal.expires_at <= time.time():
        return None
    return principal


def _load_by_key(parsed: ParsedKey) -> Principal | None:
    row = (
        ApiKey.objects.select_related("user__tier")
        .filter(lookup_id=parsed.lookup_id)
        .order_by()
        .first()
    )
    digest = row.digest if row else _NO_DIGEST
    matches = hmac.compare_digest(_expected(parsed, row), digest)
    if row is None or not matches or not _usable(row, timezone.now()):
        return None
    if row.pepper_number != pepper_current():
        recorder.key_rehash(row.pk, key_digest(parsed, pepper_current()), pepper_current())
    person = _principal(row.user)
    return replace(
        person.narrowed(row.scopes),
        key=row,
        networks=tuple(ip_network(network) for network in row.allowed_networks),
        expires_at=row.expires_at.timestamp() if row.expires_at else float("inf"),
    )


def _load_by_user(user_id: UUID) -> Principal | None:
    user = User.objects.select_related("tier").filter(pk=user_id, is_active=True).first()
    return _principal(user) if user else None


def _principal(user: User) -> Principal:
    roles = frozenset(user.groups.order_by().values_list("name", flat=True))
    scopes = scopes_of(roles, is_superuser=user.is_superuser)
    return Principal(user=user, tier=user.tier, roles=roles, scopes=scopes)


def _expected(parsed: ParsedKey, row: ApiKey | None) -> str:
    # One digest is computed in any case, so that every way takes the same time.
    try:
        return key_digest(parsed, row.pepper_number if row else pepper_current())
    except KeyError:  # its pepper was retired
        key_digest(parsed, pepper_current())
        return _NO_MATCH


def _usable(row: ApiKey, now: datetime) -> bool:
    expired = row.expires_at is not None and row.expires_at <= now
    return row.revoked_at is None and not expired and row.user.is_active
