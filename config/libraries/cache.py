"""The cache: Redis behind ``REDIS_URL``, else the memory of each process."""

from __future__ import annotations

from typing import Any


def caches(redis_url: str) -> dict[str, Any]:
    """Django's ``CACHES``."""
    return {"default": _redis(redis_url) if redis_url else _MEMORY}


_MEMORY: dict[str, Any] = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    # Addresses whose log-ins are counted; Django's 300 would let them push each other out.
    "OPTIONS": {"MAX_ENTRIES": 10_000},
}


def _redis(url: str) -> dict[str, Any]:
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": "valence",
        "OPTIONS": {
            # Bytes and numbers only: a hostile Redis must not be able to make us unpickle.
            "SERIALIZER": "django_redis.serializers.msgpack.MSGPackSerializer",
            # A cache that is down or slow makes answers slower, never wrong.
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 0.2,
            "SOCKET_TIMEOUT": 0.2,
        },
    }
