"""Password hashing for tests, which make and check passwords by the hundred."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """Django's own, with a thousandth of its rounds."""

    iterations = 1_000
