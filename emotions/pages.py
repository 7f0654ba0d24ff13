"""Pages for people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from emotions.limits import MAX_TEXT_LENGTH


@require_safe
@ensure_csrf_cookie
def start(request: HttpRequest) -> HttpResponse:
    """Type a text, see its emotions and the curl line that does the same."""
    context = {
        "max_length": MAX_TEXT_LENGTH,
        "endpoint": request.build_absolute_uri("/api/v1/emotions/analyze"),
    }
    return render(request, "emotions/start.html", context)


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """What browsers ask for wherever a page names no icon: JSON, downloads, error pages."""
    return redirect(static("emotions/icon.svg"))
