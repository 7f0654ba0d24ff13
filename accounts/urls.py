"""``/api/v1/``: accounts."""

from __future__ import annotations

from django.urls import path

from accounts.views import auth, keys

urlpatterns = [
    path("auth/token/", auth.TokenView.as_view(), name="token"),
    path("auth/token/refresh/", auth.TokenRefreshView.as_view(), name="token-refresh"),
    path("auth/token/verify/", auth.TokenVerifyView.as_view(), name="token-verify"),
    path("auth/logout/", auth.LogoutView.as_view(), name="logout"),
    path("auth/register/", auth.RegisterView.as_view(), name="register"),
    path("auth/verify-email/", auth.VerifyEmailView.as_view(), name="verify-email"),
    path("me/", keys.MeView.as_view(), name="me"),
    path("keys/", keys.KeysView.as_view(), name="keys"),
    path("keys/<str:lookup_id>/rotate/", keys.KeyRotateView.as_view(), name="key-rotate"),
    path("keys/<str:lookup_id>/revoke/", keys.KeyRevokeView.as_view(), name="key-revoke"),
]
