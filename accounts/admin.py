"""Users, tiers, keys and the audit trail in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework_simplejwt.token_blacklist import admin as _registers_first  # noqa: F401
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import audit
from accounts.calls import call_of
from accounts.forms import ApiKeyForm
from accounts.models import ApiKey, AuditEvent, Tier, Usage, User
from accounts.selectors import usage_daily
from accounts.serializers import DEFAULT_GRACE_SECONDS
from accounts.services import api_key_create, api_key_revoke, api_key_rotate
from config.common.admin import ModelAdmin, ReadOnlyAdmin

SPARKLINE_DAYS = 14

# Spent tokens are the blacklist's own business; people look at users and the audit trail.
# Django's page of groups comes back below, in the house style.
for _model in (OutstandingToken, BlacklistedToken, Group):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class AuditedAdmin(ModelAdmin[Any]):
    """Adds a line to the audit trail for each row that a person changes."""

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: ModelForm[Any],
        change: bool,  # noqa: FBT001 - Django calls it so
    ) -> None:
        """Save, and say which fields changed: their names, not their values."""
        super().save_model(request, obj, form, change)
        fields = [name for name in form.changed_data if "password" not in name]
        self._record("changed" if change else "created", request, obj, fields=fields)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Delete one."""
        self._record("deleted", request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete each."""
        for obj in queryset:
            self.delete_model(request, obj)

    def _record(self, verb: str, request: HttpRequest, obj: Any, **detail: Any) -> None:
        action = f"{self.opts.model_name}_{verb}"
        audit.record(action, actor=actor_of(request), target=obj, request=request, **detail)


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], AuditedAdmin):
    """Django's own user admin, by e-mail address."""

    ordering = ("email",)
    list_display = ("email", "name", "tier", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups", "tier")
    list_select_related = ("tier",)
    search_fields = ("email", "name")
    readonly_fields = ("created_at", "last_login", "email_verified_at")
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "tier")}),
        (
            "Permissions",
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        ("Dates", {"fields": ("created_at", "last_login", "email_verified_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "tier", "usable_password", "password1", "password2")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Nobody makes themselves a superuser."""
        fields = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return fields
        return (*fields, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Owners manage users, but not those above them."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not above and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """As for changes."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not above and super().has_delete_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002
        """A password set by an administrator is an event, too."""
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            audit.record("password_set", actor=actor_of(request), target=id, request=request)
        return response


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, AuditedAdmin):
    """Roles, and whatever groups an operator adds."""


@admin.register(Tier)
class TierAdmin(AuditedAdmin):
    """Limits; a change is in effect within two seconds."""

    list_display = (
        "name",
        "documents_per_minute",
        "documents_per_day",
        "texts_per_batch",
        "characters_per_text",
        "bulk_job_rows",
        "concurrent_jobs",
        "text_logging",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Tier | None = None) -> Any:
        """A tier keeps its name: users and settings refer to it."""
        return ("name",) if obj else ()


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    """Keys are made, rotated and revoked here; a secret is shown once, after saving."""

    form = ApiKeyForm
    list_display = (
        "name",
        "lookup_id",
        "user",
        "last_used_at",
        "sparkline",
        "expires_at",
        "revoked_at",
    )
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "lookup_id", "user__email")
    autocomplete_fields = ("user",)
    readonly_fields = (
        *("lookup_id", "created_at", "created_by", "replaces"),
        *("last_used_at", "revoked_at", "pepper_number"),
    )
    actions = ("rotate", "revoke")

    def save_model(
        self,
        request: HttpRequest,
        obj: ApiKey,
        form: ModelForm[ApiKey],
        change: bool,  # noqa: FBT001 - Django calls it so
    ) -> None:
        """Create through the service, which makes the secret; change name and reach only."""
        if change:
            super().save_model(request, obj, form, change)
            return
        row, plaintext = api_key_create(
            user=obj.user,
            name=obj.name,
            scopes=obj.scopes,
            allowed_networks=obj.allowed_networks,
            expires_at=obj.expires_at,
            created_by=actor_of(request),
            request=request,
        )
        obj.pk = row.pk
        obj.refresh_from_db()
        call_of(request).new_keys.append((row.name, plaintext))

    def get_form(
        self,
        request: HttpRequest,
        obj: ApiKey | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django calls it so
        **kwargs: Any,
    ) -> type[ModelForm[ApiKey]]:
        """The form knows who fills it in."""
        form = super().get_form(request, obj, change, **kwargs)
        return type("ApiKeyForm", (form,), {"actor": actor_of(request)})

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the secret: a message would lie in a cookie or the session first."""
        return self._new_keys(request)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """A key keeps its user."""
        return ("user", *self.readonly_fields) if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keys are revoked, not deleted: their history stays."""
        return False

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page of keys, with the usage of all of them read at once."""
        page = super().get_changelist_instance(request)
        usage = usage_daily([key.lookup_id for key in page.result_list], days=SPARKLINE_DAYS)
        for key in page.result_list:
            key.daily = usage.get(key.lookup_id, [])
        return page

    @admin.display(description=f"documents, {SPARKLINE_DAYS} days")
    def sparkline(self, key: ApiKey) -> SafeString:
        """A bar for each day, relative to the best."""
        days: list[int] = getattr(key, "daily", [])
        bars = "".join("▁▂▃▄▅▆▇█"[min(7, 8 * day // (max(days) + 1))] for day in days)
        return format_html('<span title="{} documents">{}</span>', sum(days), bars or "-")

    @admin.action(
        description="Rotate selected keys (old ones go on for an hour)", permissions=["change"]
    )
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """Rotate each key through the service; each new secret is shown once."""
        grace, new_keys = timedelta(seconds=DEFAULT_GRACE_SECONDS), call_of(request).new_keys
        for key in queryset:
            try:
                row, plaintext = api_key_rotate(
                    key=key, grace=grace, actor=actor_of(request), request=request
                )
            except ValidationError as error:
                self.message_user(request, f"{key}: {error.messages[0]}", messages.ERROR)
            else:
                new_keys.append((row.name, plaintext))
        return self._new_keys(request) if new_keys else None

    @admin.action(description="Revoke selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke each key through the service."""
        for key in queryset:
            api_key_revoke(key=key, actor=actor_of(request), request=request)
        self.message_user(request, f"Revoked {len(queryset)} keys.", messages.SUCCESS)

    def _new_keys(self, request: HttpRequest) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "New keys",
            "new_keys": call_of(request).new_keys,
        }
        return TemplateResponse(request, "accounts/new_keys.html", context)


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    """Documents by day, user, key and model."""

    list_display = ("day", "user", "key", "model", "requests", "documents")
    list_filter = ("day", "model")
    list_select_related = ("user",)
    search_fields = ("user__email", "key")
    date_hierarchy = "day"


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what to what, from where."""

    list_display = ("at", "action", "actor", "target", "address", "detail")
    list_filter = ("action", "at")
    search_fields = ("actor", "target", "address", "request_id")


def actor_of(request: HttpRequest) -> User | None:
    """The person at the admin."""
    return request.user if isinstance(request.user, User) else None
