"""How the admin (django-unfold) looks."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Valence",
    "SITE_HEADER": "Valence",
    "SITE_ICON": lambda _: static("emotions/icon.svg"),
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("emotions/icon.svg")}
    ],
    "STYLES": [lambda _: static("mlops/admin.css")],
    # Shades of the icon's blue: lightness and strength of each step.
    "COLORS": {
        "primary": {
            str(step): f"oklch({lightness}% {chroma} 260)"
            for step, lightness, chroma in (
                *((50, 97, 0.014), (100, 93, 0.032), (200, 88, 0.059), (300, 81, 0.105)),
                *((400, 70, 0.130), (500, 60, 0.140), (600, 48, 0.130), (700, 40, 0.115)),
                *((800, 36, 0.100), (900, 31, 0.085), (950, 24, 0.065)),
            )
        }
    },
}
