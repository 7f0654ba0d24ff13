"""The database behind ``DATABASE_URL``: SQLite as a file of its own, or PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured


def databases(url: str, data_dir: Path) -> dict[str, Any]:
    """Django's ``DATABASES``.

    Raises:
        ImproperlyConfigured: if *url* is no database URL.
    """
    try:
        # A connection lives as long as its request: calls with a known key open none, and a hundred
        # threads that each kept one would be more than PostgreSQL admits.
        parsed: dict[str, Any] = {**dj_database_url.parse(url, conn_max_age=0)}
    except (ValueError, dj_database_url.ParseError, dj_database_url.UnknownSchemeError) as error:
        raise ImproperlyConfigured(f"DATABASE_URL: {error}") from error
    return {"default": _sqlite(parsed, data_dir) if "sqlite" in parsed["ENGINE"] else parsed}


def _sqlite(parsed: dict[str, Any], data_dir: Path) -> dict[str, Any]:
    return {
        **parsed,
        # A file may stay open.
        "CONN_MAX_AGE": 600,
        "OPTIONS": {
            # Readers and the one writer do not block each other; a writer waits instead of failing.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
        # A file, so that the tests' server and the tests see the same rows.
        "TEST": {"NAME": str(data_dir / "test.sqlite3")},
    }
