"""``/api/v1/auth/``: log-in, tokens, registration."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.utils import datetime_from_epoch

from accounts import registration, serializers, sessions
from accounts.quotas import login_admit
from accounts.tokens import AccessToken, RefreshToken
from accounts.views.base import as_api_errors
from config.common.serializers import validated

NO_CONTENT = OpenApiResponse(description="Done.")


class LoginView(APIView):
    """The base of endpoints for people without a credential yet: limited by address."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Counts first, before anything costs time."""
        super().initial(request, *args, **kwargs)
        login_admit(request)

    def get_authenticate_header(self, request: Request) -> str:
        """Makes the answer to wrong ones 401."""
        return "Bearer"


class TokenView(LoginView):
    """``POST /api/v1/auth/token/``."""

    @extend_schema(
        operation_id="auth_token",
        request=serializers.LoginSerializer,
        responses=serializers.TokenPairSerializer,
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Access and refresh token for e-mail address and password."""
        data = validated(serializers.LoginSerializer, request.data)
        return _pair(sessions.tokens_obtain(**data, request=request))


class TokenRefreshView(LoginView):
    """``POST /api/v1/auth/token/refresh/``."""

    @extend_schema(
        operation_id="auth_token_refresh",
        request=serializers.RefreshSerializer,
        responses=serializers.TokenPairSerializer,
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Two new tokens for a refresh token, which is spent by that."""
        data = validated(serializers.RefreshSerializer, request.data)
        return _pair(sessions.tokens_refresh(**data, request=request))


class TokenVerifyView(LoginView):
    """``POST /api/v1/auth/token/verify/``."""

    @extend_schema(
        operation_id="auth_token_verify",
        request=serializers.TokenSerializer,
        responses=serializers.TokenClaimsSerializer,
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """What a token says, if it is good at this moment."""
        data = validated(serializers.TokenSerializer, request.data)
        claims = sessions.token_describe(**data)
        body = {
            "token_type": claims["token_type"],
            "user": claims["sub"],
            "scopes": claims["scopes"],
            "issued_at": datetime_from_epoch(claims["iat"]),
            "expires_at": datetime_from_epoch(claims["exp"]),
        }
        return Response(body)


class LogoutView(LoginView):
    """``POST /api/v1/auth/logout/``."""

    @extend_schema(
        operation_id="auth_logout",
        request=serializers.RefreshSerializer,
        responses={204: NO_CONTENT},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Spend a refresh token; doing so twice is no error."""
        data = validated(serializers.RefreshSerializer, request.data)
        sessions.session_end(**data, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RegisterView(LoginView):
    """``POST /api/v1/auth/register/``."""

    @extend_schema(
        operation_id="auth_register",
        request=serializers.RegisterSerializer,
        responses={202: serializers.DetailSerializer},
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Ask for an account, where this server allows it; the rest comes by mail."""
        data = validated(serializers.RegisterSerializer, request.data)
        with as_api_errors():
            registration.user_register(**data, request=request)
        return Response({"detail": "A mail is on its way."}, status.HTTP_202_ACCEPTED)


class VerifyEmailView(LoginView):
    """``POST /api/v1/auth/verify-email/``."""

    @extend_schema(
        operation_id="auth_verify_email",
        request=serializers.TokenSerializer,
        responses=serializers.DetailSerializer,
        tags=["auth"],
    )
    def post(self, request: Request) -> Response:
        """Start using an account, with the token from its mail."""
        data = validated(serializers.TokenSerializer, request.data)
        with as_api_errors():
            user = registration.email_verify(**data, request=request)
        return Response({"detail": f"{user} can log in now."})


def _pair(refresh: RefreshToken) -> Response:
    access = refresh.access_token
    lifetime = AccessToken.lifetime
    assert lifetime is not None
    body = {
        "access": str(access),
        "refresh": str(refresh),
        "token_type": "Bearer",
        "expires_in": int(lifetime.total_seconds()),
        "scopes": refresh["scopes"],
    }
    return Response(body, headers={"Cache-Control": "no-store"})
