"""Typed readers for environment variables; a wrong value raises with its name."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str = "") -> str:
    """The variable *name*, or *default* where it is unset or empty."""
    return os.environ.get(name) or default


def secret(name: str, default: Callable[[], str]) -> str:
    """The variable *name*, else the content of the file that *name*_FILE points to.

    Raises:
        ImproperlyConfigured: if that file cannot be read or is empty.
    """
    value, file = text(name), text(f"{name}_FILE")
    if value or not file:
        return value or default()
    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE={file!r}: {error.strerror}") from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE={file!r}: the file is empty")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """A yes or no."""
    value = text(name).lower()
    if not value:
        return default
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name}={value!r}: expected one of {sorted(_TRUE | _FALSE)}")
    return value in _TRUE


def number(name: str, default: int, *, minimum: int = 0) -> int:
    """A whole number of at least *minimum*."""
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) < minimum:
        raise ImproperlyConfigured(f"{name}={value!r}: expected a whole number from {minimum} up")
    return int(value)


def seconds(name: str, default: float) -> float:
    """A positive number of seconds."""
    value = text(name, str(default))
    try:
        result = float(value)
    except ValueError:
        result = 0.0
    if not 0 < result < float("inf"):
        raise ImproperlyConfigured(f"{name}={value!r}: expected a positive number of seconds")
    return result


def fraction(name: str, default: float) -> float:
    """A number above 0, at most 1."""
    value = text(name, str(default))
    try:
        result = float(value)
    except ValueError:
        result = 0.0
    if not 0 < result <= 1:
        raise ImproperlyConfigured(f"{name}={value!r}: expected a number above 0, at most 1")
    return result


def mapping(name: str) -> dict[str, Any]:
    """A JSON object; an empty one where the variable is unset."""
    value = text(name, "{}")
    try:
        result = json.loads(value)
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise ImproperlyConfigured(f"{name}={value!r}: expected a JSON object")
    return result


def choice(name: str, default: str, options: Sequence[str]) -> str:
    """One of *options*."""
    value = text(name, default)
    if value not in options:
        raise ImproperlyConfigured(f"{name}={value!r}: expected one of {', '.join(options)}")
    return value


def names(name: str, default: Sequence[str] = ()) -> list[str]:
    """A comma-separated list."""
    value = text(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)


def persisted_secret(path: Path) -> str:
    """A random secret kept in *path* (mode 0600), made on first use.

    A clone runs without configuration, yet no two installations share a key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass  # another process, or an earlier start, made it
    return path.read_text(encoding="utf-8").strip()
