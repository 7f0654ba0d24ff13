"""Log-ins happen in Django's and axes' code; their signals lead into the audit trail."""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import audit
from accounts.lockout import login_name
from accounts.models import User


@receiver(user_logged_in, dispatch_uid="audit")
def login(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """Somebody gave the right password."""
    audit.record("login", actor=user, target=user, request=request)


@receiver(user_logged_out, dispatch_uid="audit")
def logout(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    """Somebody left the admin."""
    audit.record("logout", actor=user, target=user or "", request=request)


@receiver(user_login_failed, dispatch_uid="audit")
def login_failed(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Somebody gave a wrong one. What is no address may be a password in the wrong field."""
    name = login_name(request, credentials) if request is not None else ""
    audit.record("login_failed", target=name if "@" in name else "", request=request)


@receiver(user_locked_out, dispatch_uid="audit")
def locked_out(sender: Any, request: HttpRequest, username: str, **_: Any) -> None:
    """Somebody gave too many."""
    audit.record("login_locked", target=username if "@" in username else "", request=request)
