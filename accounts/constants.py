"""Names of scopes, roles and tiers, and which role may do what."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Scope(models.TextChoices):
    """What a credential may be used for."""

    EMOTIONS_READ = "emotions:read", "analyse texts, read labels"
    EMOTIONS_WRITE = "emotions:write", "change what is kept about emotions"
    JOBS = "jobs", "start and read bulk jobs"
    MODELS_READ = "models:read", "read models and versions"
    MODELS_WRITE = "models:write", "change models and rollouts"
    LOGS_READ = "logs:read", "read the request log"


class Role(models.TextChoices):
    """The built-in groups. A user in none of them is a plain member of the API."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"


ALL_SCOPES: frozenset[str] = frozenset(Scope.values)
_MEMBER = frozenset(
    {
        Scope.EMOTIONS_READ,
        Scope.EMOTIONS_WRITE,
        Scope.JOBS,
        Scope.MODELS_READ,
        # Their own predictions; those of others need the right to view them.
        Scope.LOGS_READ,
    }
)
ROLE_SCOPES: dict[str, frozenset[str]] = {
    Role.VIEWER: frozenset({Scope.EMOTIONS_READ, Scope.MODELS_READ}),
    Role.OPERATOR: _MEMBER | {Scope.MODELS_WRITE},
    Role.OWNER: ALL_SCOPES,
}

# What the request log may keep of a text, from least to most.
TEXT_LOGGING = ("none", "hash", "redacted", "full")
# The tier of first administrators and of other superusers.
INTERNAL_TIER = "internal"
# More keys than this is a script gone wrong; it also keeps the list on one page.
MAX_KEYS_PER_USER = 100
# What one answer lists; an owner of more looks at them in the admin.
MAX_KEYS_LISTED = 1_000
# Long enough to roll a secret out by hand, short enough not to forget the old one.
MAX_GRACE_SECONDS = 7 * 86_400


def scopes_of(roles: frozenset[str], *, is_superuser: bool) -> frozenset[str]:
    """The scopes of somebody in these groups; the widest role counts."""
    if is_superuser:
        return ALL_SCOPES
    granted = [ROLE_SCOPES[role] for role in roles if role in ROLE_SCOPES]
    return frozenset().union(*granted) if granted else _MEMBER


def default_tier() -> str:
    """The tier of a new user."""
    return str(settings.DEFAULT_TIER)
