"""What the built-in groups may do with rows: in the admin, and in the API where it asks.

The rules name no other app's models, so that a model that comes later has its rights, too.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from accounts.constants import Role

# Rows that only a service may write, whatever the role.
READ_ONLY = Q(content_type__app_label="accounts", content_type__model__in=("auditevent", "usage"))
_VIEW = Q(codename__startswith="view_")
_CHANGE = Q(codename__startswith="add_") | Q(codename__startswith="change_")
# Who may read what users did and who they are.
_ACCOUNTS = Q(content_type__app_label__in=("accounts", "auth", "axes"))

RULES: dict[str, Q] = {
    Role.VIEWER: _VIEW & ~_ACCOUNTS,
    Role.OPERATOR: (_VIEW | _CHANGE) & ~_ACCOUNTS,
    Role.OWNER: (
        _VIEW | _CHANGE | Q(codename__startswith="delete_") | Q(codename__startswith="force_")
    ),
}
# Never lent out: Django's own plumbing, and groups, with which anybody could raise themselves.
_NEVER = ("admin", "auth", "contenttypes", "sessions", "token_blacklist")


def roles_sync(
    sender: AppConfig, *, app_config: AppConfig | None = None, using: str = "default", **_: Any
) -> None:
    """Give each role the rights on the models of *sender*, after ``migrate`` made them.

    Rights that an operator added by hand stay; for fewer, make a group of your own.
    """
    if sender.label in _NEVER:
        return
    create_permissions(sender, verbosity=0, using=using, apps=apps)
    permissions = Permission.objects.using(using).filter(content_type__app_label=sender.label)
    for group in Group.objects.using(using).filter(name__in=RULES):
        allowed = permissions.filter(RULES[group.name]).exclude(READ_ONLY & ~_VIEW)
        group.permissions.add(*allowed)
