"""``/api/v1/me/`` and ``/api/v1/keys/``."""

from __future__ import annotations

from datetime import timedelta

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors, serializers, services
from accounts.calls import call_of, user_of
from accounts.constants import MAX_KEYS_LISTED
from accounts.models import ApiKey
from accounts.permissions import IsPerson
from accounts.views.base import as_api_errors
from config.common.serializers import validated


class MeView(APIView):
    """``GET /api/v1/me/``."""

    @extend_schema(operation_id="me", responses=serializers.MeSerializer, tags=["me"])
    def get(self, request: Request) -> Response:
        """Who you are to this server, and how much you may use."""
        principal = call_of(request).principal
        assert principal is not None
        credential = {
            "kind": "api_key" if principal.key else "user",
            "key": principal.key_id or None,
            "scopes": sorted(principal.scopes),
        }
        body = {
            "id": principal.user.pk,
            "email": principal.user.email,
            "name": principal.user.name,
            "roles": sorted(principal.roles),
            "tier": serializers.TierSerializer(principal.tier).data,
            "credential": credential,
        }
        return Response(body)


class KeysView(APIView):
    """``/api/v1/keys/``."""

    permission_classes = (IsPerson,)

    @extend_schema(
        operation_id="keys_list",
        parameters=[serializers.KeyQuerySerializer],
        responses=serializers.KeyListSerializer,
        tags=["keys"],
    )
    def get(self, request: Request) -> Response:
        """Your keys; everyone's (the newest 1,000) for those who may view them."""
        query = validated(serializers.KeyQuerySerializer, request.query_params.dict())
        keys = selectors.keys_visible(user=user_of(request), everyone=query["everyone"])
        return Response({"keys": serializers.KeySerializer(keys[:MAX_KEYS_LISTED], many=True).data})

    @extend_schema(
        operation_id="keys_create",
        request=serializers.KeyCreateSerializer,
        responses={201: serializers.NewKeySerializer},
        tags=["keys"],
    )
    def post(self, request: Request) -> Response:
        """A new key of yours; the answer is the only place that has its secret."""
        data = validated(serializers.KeyCreateSerializer, request.data)
        user = user_of(request)
        with as_api_errors():
            row, key = services.api_key_create(user=user, created_by=user, request=request, **data)
        return _new_key(row, key)


class KeyRotateView(APIView):
    """``POST /api/v1/keys/<id>/rotate/``."""

    permission_classes = (IsPerson,)

    @extend_schema(
        operation_id="keys_rotate",
        request=serializers.KeyRotateSerializer,
        responses={201: serializers.NewKeySerializer},
        tags=["keys"],
    )
    def post(self, request: Request, lookup_id: str) -> Response:
        """A new key in place of an old one, which goes on for the grace period."""
        user = user_of(request)
        key = selectors.key_changeable(user=user, lookup_id=lookup_id)
        data = validated(serializers.KeyRotateSerializer, request.data)
        grace = timedelta(seconds=data["grace_seconds"])
        with as_api_errors():
            row, plaintext = services.api_key_rotate(
                key=key, grace=grace, actor=user, request=request
            )
        return _new_key(row, plaintext)


class KeyRevokeView(APIView):
    """``POST /api/v1/keys/<id>/revoke/``."""

    permission_classes = (IsPerson,)

    @extend_schema(
        operation_id="keys_revoke",
        request=None,
        responses=serializers.KeySerializer,
        tags=["keys"],
    )
    def post(self, request: Request, lookup_id: str) -> Response:
        """The end of a key, within two seconds everywhere."""
        user = user_of(request)
        key = selectors.key_changeable(user=user, lookup_id=lookup_id)
        services.api_key_revoke(key=key, actor=user, request=request)
        return Response(serializers.KeySerializer(key).data)


def _new_key(row: ApiKey, plaintext: str) -> Response:
    body = {"key": plaintext, **serializers.KeySerializer(row).data}
    return Response(body, status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})
