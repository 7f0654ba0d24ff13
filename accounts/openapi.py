"""How API keys and tokens appear in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from accounts.authentication import KEYWORD


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Api-Key ...``; OpenAPI has no other way to say this."""

    target_class = "accounts.authentication.ApiKeyAuthentication"
    name = ["ApiKey", "XApiKey"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """Both headers."""
        description = f"`{KEYWORD} val_<id>_<secret>`"
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": description,
            },
            {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key."},
        ]


class JwtScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer <access token>``."""

    target_class = "accounts.authentication.JwtAuthentication"
    name = "Bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """The standard's own scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The admin's cookie."""

    target_class = "accounts.authentication.SessionAuthentication"
    name = "Session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Works in the browser only."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
