"""Users, tiers, API keys, usage and the audit trail."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.constants import INTERNAL_TIER, TEXT_LOGGING, default_tier

_POSITIVE = (MinValueValidator(1),)


class Tier(models.Model):
    """What its users may use. An empty limit is none."""

    name = models.SlugField(max_length=50, primary_key=True)
    documents_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=_POSITIVE)
    documents_per_day = models.PositiveIntegerField(null=True, blank=True, validators=_POSITIVE)
    texts_per_batch = models.PositiveIntegerField(validators=_POSITIVE)
    characters_per_text = models.PositiveIntegerField(validators=_POSITIVE)
    bulk_job_rows = models.PositiveIntegerField(validators=_POSITIVE)
    concurrent_jobs = models.PositiveIntegerField(validators=_POSITIVE)
    text_logging = models.CharField(
        max_length=10,
        blank=True,
        choices=[(each, each) for each in TEXT_LOGGING],
        help_text="What the request log keeps of texts; empty: what TEXT_LOGGING says.",
    )

    class Meta:
        ordering = ("documents_per_minute", "name")

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user who may use the API; without *password* they cannot log in."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user who may do everything, also in the admin."""
        fields.setdefault("tier_id", INTERNAL_TIER)
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Log-in ignores the case of the address, as the unique constraint does."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who logs in with an e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("may use the admin", default=False)
    tier = models.ForeignKey(
        Tier, on_delete=models.PROTECT, related_name="users", default=default_tier
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    email_verified_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("email",)
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message="There is a user with this e-mail address already.",
            ),
        )

    def __str__(self) -> str:
        return self.email


class ApiKey(models.Model):
    """A secret that speaks for its user; only its keyed hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    lookup_id = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    pepper_number = models.PositiveSmallIntegerField(editable=False)
    scopes = models.JSONField(default=list)
    allowed_networks = models.JSONField(default=list, blank=True)
    # Names a version of another app's; who sets it makes sure that there is one.
    pinned_model = models.CharField(
        max_length=200,
        blank=True,
        help_text="NAME:NUMBER of the version that answers this key, whatever rollouts say.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    # The key that this one took the place of.
    replaces = models.OneToOneField(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="replaced_by",
    )
    last_used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (val_{self.lookup_id}_…)"


class Usage(models.Model):
    """Documents charged on one day (UTC) to one user, key and model: the bars beside a key.

    ``me/usage/`` shows the log's hours of use instead: those count its rows, failures too, and are
    in an app that this one does not know. This is what the tier was charged with, for answers;
    ``kill -9`` loses some seconds of it. The limits ask neither: they have counters of their own.
    """

    day = models.DateField()
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="usage")
    # The key's public id; empty for a token or a browser session.
    key = models.CharField(max_length=16, blank=True)
    model = models.CharField(max_length=150, blank=True)
    requests = models.PositiveBigIntegerField(default=0)
    documents = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ("-day", "key", "model")
        verbose_name_plural = "usage"
        constraints = (
            models.UniqueConstraint(fields=("user", "day", "key", "model"), name="usage_unique"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.key or 'session'} {self.model}"


class AppendOnlyError(TypeError):
    """Somebody tried to change history."""


class AppendOnlyQuerySet(models.QuerySet["AuditEvent"]):
    """Reads and adds."""

    def update(self, **_: Any) -> int:
        """Refused.

        Raises:
            AppendOnlyError: always.
        """
        raise AppendOnlyError("The audit trail is append-only.")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refused.

        Raises:
            AppendOnlyError: always.
        """
        raise AppendOnlyError("The audit trail is append-only.")


class AuditEvent(models.Model):
    """Who did what to what, from where. Rows are only ever added; PostgreSQL holds to it, too.

    Actor and target are copied, not referenced: the trail outlives what it tells of.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True, editable=False)
    action = models.CharField(max_length=50, db_index=True)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=254, blank=True)
    target = models.CharField(max_length=254, blank=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the event.

        Raises:
            AppendOnlyError: if it is in the trail already.
        """
        if not self._state.adding:
            raise AppendOnlyError("The audit trail is append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused.

        Raises:
            AppendOnlyError: always.
        """
        raise AppendOnlyError("The audit trail is append-only.")
