"""What a caller may send about accounts, and the shapes of the answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.constants import MAX_GRACE_SECONDS, Scope
from accounts.models import ApiKey, Tier
from config.common.serializers import StrictSerializer

# A JWT of ours has about 400 characters.
MAX_TOKEN_LENGTH = 4_000
MAX_PASSWORD_LENGTH = 1_000
MAX_NETWORKS = 20
# An hour: time to deploy the new secret.
DEFAULT_GRACE_SECONDS = 3_600


class LoginSerializer(StrictSerializer):
    """E-mail address and password."""

    email = serializers.CharField(max_length=254)
    password = serializers.CharField(
        max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False, write_only=True
    )


class RegisterSerializer(LoginSerializer):
    """The same of somebody new."""

    email = serializers.EmailField(max_length=254)


class TokenSerializer(StrictSerializer):
    """A token of any kind."""

    token = serializers.CharField(max_length=MAX_TOKEN_LENGTH, write_only=True)


class RefreshSerializer(StrictSerializer):
    """A refresh token."""

    refresh = serializers.CharField(max_length=MAX_TOKEN_LENGTH, write_only=True)


class TokenPairSerializer(serializers.Serializer[Any]):
    """Both tokens."""

    access = serializers.CharField(help_text="Authorization: Bearer <access>")
    refresh = serializers.CharField(help_text="Good for one exchange.")
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")
    scopes = serializers.ListField(child=serializers.CharField())


class TokenClaimsSerializer(serializers.Serializer[Any]):
    """What a valid token says."""

    token_type = serializers.CharField()
    user = serializers.UUIDField()
    scopes = serializers.ListField(child=serializers.CharField())
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class DetailSerializer(serializers.Serializer[Any]):
    """A sentence for people."""

    detail = serializers.CharField()


class TierSerializer(serializers.ModelSerializer[Tier]):
    """The limits; null is none."""

    class Meta:
        model = Tier
        fields = (
            "name",
            "documents_per_minute",
            "documents_per_day",
            "texts_per_batch",
            "characters_per_text",
            "bulk_job_rows",
            "concurrent_jobs",
        )


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key without its secret, which nobody has."""

    id = serializers.CharField(source="lookup_id")
    user = serializers.EmailField(source="user.email")
    scopes = serializers.ListField(child=serializers.CharField())
    allowed_networks = serializers.ListField(child=serializers.CharField())
    created_by = serializers.EmailField(source="created_by.email", default=None, allow_null=True)
    replaces = serializers.CharField(source="replaces.lookup_id", default=None, allow_null=True)

    class Meta:
        model = ApiKey
        fields = (
            "id",
            "name",
            "user",
            "scopes",
            "allowed_networks",
            "created_at",
            "created_by",
            "replaces",
            "last_used_at",
            "expires_at",
            "revoked_at",
        )


class NewKeySerializer(KeySerializer):
    """The one answer with the secret."""

    key = serializers.CharField(help_text="The whole key; it cannot be shown again.")

    class Meta:
        model = ApiKey
        fields = ("key", *KeySerializer.Meta.fields)


class KeyListSerializer(serializers.Serializer[Any]):
    """Keys, newest first."""

    keys = KeySerializer(many=True)


class KeyCreateSerializer(StrictSerializer):
    """A key to be made for the caller."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices),
        required=False,
        help_text="Without it: all that your role allows.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=50),
        required=False,
        max_length=MAX_NETWORKS,
        help_text="Such as 192.0.2.0/24; without it the key works from anywhere.",
    )


class KeyRotateSerializer(StrictSerializer):
    """How long the old key goes on."""

    grace_seconds = serializers.IntegerField(
        min_value=0, max_value=MAX_GRACE_SECONDS, default=DEFAULT_GRACE_SECONDS
    )


class CredentialSerializer(serializers.Serializer[Any]):
    """With what the caller authenticated."""

    kind = serializers.ChoiceField(choices=("api_key", "user"))
    key = serializers.CharField(allow_null=True, help_text="The id of the API key.")
    scopes = serializers.ListField(child=serializers.CharField())


class MeSerializer(serializers.Serializer[Any]):
    """The caller."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    tier = TierSerializer()
    credential = CredentialSerializer()


class KeyQuerySerializer(StrictSerializer):
    """Whose keys."""

    everyone = serializers.BooleanField(default=False, help_text="Needs the right to view keys.")
