"""Who asked, in the form in which the log keeps it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network

from django.conf import settings

from accounts.api import Asked, call_of, client_address
from config.common.logs import request_id
from mlops.log.privacy import subject_hash
from mlops.log.records import Caller

# What is left of an address tells the network, not the person.
_KEPT_BITS = {4: 24, 6: 48}
NOBODY = Caller(request_id="", user_id=b"", key_id="", network="")


def caller_of(request: Asked, *, subject: str | None = None, store: bool = True) -> Caller:
    """The caller of *request*; with *store* false nothing of the text is kept."""
    principal = call_of(request).principal
    if principal is None:
        return NOBODY
    user_id = principal.user.id.bytes
    return Caller(
        request_id.get(),
        user_id,
        principal.key_id,
        network_of(client_address(request)),
        subject_hash(user_id, subject) if subject else None,
        principal.tier.text_logging or settings.TEXT_LOGGING if store else "none",
    )


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """The first address of the network of *address*: /24, or /48 in IPv6."""
    bits = _KEPT_BITS[6 if ":" in address else 4]
    return str(ip_network(f"{address}/{bits}", strict=False).network_address)
