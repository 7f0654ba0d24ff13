"""What is read about accounts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import PermissionDenied

from accounts.models import ApiKey, Usage, User


def keys_visible(*, user: User, everyone: bool) -> QuerySet[ApiKey]:
    """The keys of *user*, or all of them for somebody who may view keys.

    Raises:
        PermissionDenied: if *user* may not.
    """
    keys = ApiKey.objects.select_related("user", "created_by", "replaces")
    if not everyone:
        return keys.filter(user=user)
    if not user.has_perm("accounts.view_apikey"):
        raise PermissionDenied("Only those who may view keys see those of others.")
    return keys


def key_changeable(*, user: User, lookup_id: str) -> ApiKey:
    """A key that *user* may rotate and revoke: their own, or any for those who manage keys.

    Raises:
        Http404: otherwise. Whether the key exists is nobody else's business.
    """
    keys = keys_visible(user=user, everyone=user.has_perm("accounts.change_apikey"))
    key = keys.filter(lookup_id=lookup_id).first()
    if key is None:
        raise Http404
    return key


def usage_daily(keys: Iterable[str], *, days: int) -> dict[str, list[int]]:
    """Documents of each key on each of the last *days* days, oldest first."""
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    usage: dict[str, list[int]] = {}
    for row in Usage.objects.filter(key__in=list(keys), day__gte=since):
        usage.setdefault(row.key, [0] * days)[(row.day - since).days] += row.documents
    return usage
