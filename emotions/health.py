"""Liveness and readiness, for probes: plain Django, no authentication, never cached."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from emotions.engine import engine
from emotions.services import model_reference
from mlops.api import log_state
from mlops.inference.errors import InferenceError


@csrf_exempt  # a POST is a mistake of method, not of origin
@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 while this process answers at all."""
    return JsonResponse({"status": "alive"})


@csrf_exempt  # a POST is a mistake of method, not of origin
@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 once a real text makes it through the real queue; else 503 with the reason."""
    try:
        milliseconds = engine.probe()
        classifier = engine.classifier
    except InferenceError as error:
        body: dict[str, Any] = {"status": "not ready", "code": error.code, "detail": str(error)}
        return JsonResponse(body, status=503, headers={"Retry-After": "1"})
    body = {
        "status": "ready",
        "model": model_reference(classifier),
        "probe_ms": round(milliseconds, 2),
    }
    body["request_log"] = log_state()
    if engine.error:
        # The old version answers; whoever promoted the new one should know.
        body["warning"] = engine.error
    return JsonResponse(body)
