"""What libraries bring in where it happens to be installed, and nothing here asks them for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

# Each is tried by a library that does without; most are installed for other libraries' sake.
UNUSED = (
    # Array and range fields of REST framework and unfold; brings psycopg in where SQLite serves.
    "django.contrib.postgres",
    # PyJWT's signatures with pairs of keys; ours are HMAC.
    "cryptography",
    # REST framework's client for tests, and its descriptions in HTML.
    "requests",
    "markdown",
    "pygments",
    # Django's client for tests, which SimpleJWT brings in with a signal.
    "jinja2",
)


@contextmanager
def unused_left_out() -> Iterator[None]:
    """Whoever is imported within finds none of ``UNUSED``; who asks for one later does."""
    modules = cast("dict[str, Any]", sys.modules)
    absent = [name for name in UNUSED if name not in modules]
    # None is the import system's own mark for a module that cannot be found.
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
