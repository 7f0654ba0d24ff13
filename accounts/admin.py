"""Users and keys in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.models import ApiKey, User
from accounts.services import api_key_create, api_key_revoke


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Django's own user admin, by e-mail address."""

    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    search_fields = ("email", "name")
    readonly_fields = ("created_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin[ApiKey]):
    """Keys are made and revoked here; the secret is shown once, after saving."""

    list_display = ("name", "lookup_id", "user", "created_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("user",)
    search_fields = ("name", "lookup_id", "user__email")
    autocomplete_fields = ("user",)
    readonly_fields = ("lookup_id", "created_at", "revoked_at")
    actions = ("revoke",)

    def save_model(
        self,
        request: HttpRequest,
        obj: ApiKey,
        form: ModelForm[ApiKey],
        change: bool,  # noqa: FBT001 - Django calls it so
    ) -> None:
        """Create through the service, which makes the secret; change name and expiry only."""
        if change:
            super().save_model(request, obj, form, change)
            return
        row, plaintext = api_key_create(user=obj.user, name=obj.name, expires_at=obj.expires_at)
        obj.pk = row.pk
        obj.refresh_from_db()
        messages.warning(request, f"Copy the key now, it is not shown again: {plaintext}")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """A key keeps its user."""
        return ("user", *self.readonly_fields) if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked, not deleted: their history stays."""
        return False

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke each key through the service."""
        for key in queryset:
            api_key_revoke(key=key)
        self.message_user(request, f"Revoked {len(queryset)} keys.", messages.SUCCESS)
