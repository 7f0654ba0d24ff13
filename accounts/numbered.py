"""Numbered secrets: a new one can be added while what was made with an old one still works."""

from __future__ import annotations

from functools import lru_cache

from django.core.exceptions import ImproperlyConfigured


@lru_cache(maxsize=8)
def numbered_secrets(name: str, configured: str, minimum: int) -> dict[int, bytes]:
    """The secrets of the setting *name* by number, from ``1:secret,2:secret``.

    Raises:
        ImproperlyConfigured: if it is not of that form, repeats a number or holds a secret of
            fewer than *minimum* characters. The message does not repeat the setting.
    """
    result: dict[int, bytes] = {}
    for part in configured.split(","):
        number, separator, secret = part.strip().partition(":")
        usable = separator and number.isascii() and number.isdigit() and len(secret) >= minimum
        if not usable or int(number) in result or int(number) > 32_767:
            raise ImproperlyConfigured(
                f"{name}: expected number:secret pairs separated by commas, each number once, "
                f"each secret of {minimum} characters or more"
            )
        result[int(number)] = secret.encode()
    return result
