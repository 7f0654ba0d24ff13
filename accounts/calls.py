"""What is known of one API call, from authentication to the headers of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from rest_framework.request import Request

from accounts.models import User
from accounts.principals import Principal

if TYPE_CHECKING:
    from accounts.quotas import Quota

# META is the one dictionary that Django's request and DRF's share; header names cannot collide.
_NAME = "valence.call"


class Asked(Protocol):
    """Django's request, DRF's, or whatever else holds what WSGI says of a call."""

    META: dict[str, Any]


@dataclass(slots=True)
class Call:
    """Filled in on the way; the middleware reads it at the end."""

    principal: Principal | None = None
    quota: Quota | None = None
    documents: int = 0
    # Name and plaintext of what this request made; no repr: it must not get into a report.
    new_keys: list[tuple[str, str]] = field(default_factory=list, repr=False)


def call_of(request: Asked) -> Call:
    """The call that *request* is."""
    call = request.META.get(_NAME)
    if not isinstance(call, Call):
        call = request.META[_NAME] = Call()
    return call


def user_of(request: Request) -> User:
    """Who asks, in a view that lets nobody in without a user."""
    assert isinstance(request.user, User)
    return request.user
