"""What the admin pages of this app share."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.api import User
from config.common.admin import ModelAdmin, ReadOnlyAdmin

__all__ = ["ModelAdmin", "ReadOnlyAdmin", "actor_of", "badge"]


def actor_of(request: HttpRequest) -> User | None:
    """The person at the admin."""
    return request.user if isinstance(request.user, User) else None


def badge(word: str, kind: str = "") -> SafeString:
    """A word in the colour of its kind."""
    return format_html('<span class="v-badge v-{}">{}</span>', kind or word, word)
