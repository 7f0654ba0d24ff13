"""Where a request comes from."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

from django.conf import settings

from accounts.calls import Asked

# Some proxies write 192.0.2.7:4711 or [2001:db8::7]:4711.
_PORT = re.compile(r"^(?:\[(.+)\]|([0-9.]+))(?::[0-9]+)?$")
UNKNOWN = "0.0.0.0"  # noqa: S104 - compared and counted, never bound


def client_address(request: Asked) -> str:
    """The client's address as seen by the outermost of TRUSTED_PROXIES proxies.

    Everything further left in ``X-Forwarded-For`` was written by the client itself. Shorter
    chains than configured count as far as they go; what is no address becomes ``0.0.0.0``.
    """
    address = str(request.META.get("REMOTE_ADDR") or "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    proxies: int = settings.TRUSTED_PROXIES if forwarded else 0
    if proxies:
        chain = [part.strip() for part in str(forwarded).split(",")]
        address = chain[-min(proxies, len(chain))]
    return _canonical(address)


# A client's requests come from the same address, one after the other.
@lru_cache(maxsize=4096)
def _canonical(address: str) -> str:
    try:
        parsed = ip_address(_PORT.sub(r"\1\2", address))
    except ValueError:
        return UNKNOWN
    # The same client, whichever way the socket was opened.
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
