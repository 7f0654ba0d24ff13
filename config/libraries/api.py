"""The API (Django REST framework) and its document (drf-spectacular)."""

from __future__ import annotations

from config import __version__

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.JwtAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    # Somebody, with the scopes that the view requires.
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasScopes"],
    "DEFAULT_PARSER_CLASSES": ["config.common.json.JsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.common.json.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.common.json.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "config.common.handler.ApiExceptionHandler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Valence",
    "DESCRIPTION": "Emotion intelligence for text: 28 calibrated emotions, self-hosted.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # From the sidecar package: the docs work without a CDN.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # Names for the enumerations of the one error shape.
    "POSTPROCESSING_HOOKS": ["drf_standardized_errors.openapi_hooks.postprocess_schema_enums"],
    "ENUM_NAME_OVERRIDES": {
        "LogFormatEnum": "mlops.log.constants.ExportFormat.choices",
        "ModelFormatEnum": "mlops.constants.Format.choices",
        "ModelStatusEnum": "mlops.constants.Status.choices",
        "ModelJobStatusEnum": "mlops.constants.JobStatus.choices",
        "ModelPrecisionEnum": "mlops.constants.Precision.choices",
        **{
            name: f"drf_standardized_errors.openapi_serializers.{name}.choices"
            for name in (
                *("ValidationErrorEnum", "ClientErrorEnum", "ServerErrorEnum"),
                *(f"ErrorCode{code}Enum" for code in (401, 403, 404, 405, 406, 415, 429, 500)),
            )
        },
    },
}
