"""How much a caller may use: documents by tier, requests by address."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request

from accounts.activity import recorder
from accounts.calls import Asked, Call, call_of
from accounts.counters import Counter, Taken, Window, counter_create
from accounts.models import Tier
from accounts.principals import Principal

MINUTE, DAY = 60, 86_400


class RateLimitedError(APIException):
    """A limit is used up; ``wait`` becomes Retry-After."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "rate_limited"

    def __init__(self, detail: str, wait: int) -> None:
        self.wait = wait
        super().__init__(detail)


class TierLimitError(PermissionDenied):
    """The request is larger than the tier allows; waiting would not help."""

    default_code = "tier_limit"


class Quota(NamedTuple):
    """The windows of one caller at one moment, as the RateLimit headers tell them."""

    windows: tuple[Window, ...]
    used: tuple[int, ...]
    now: float

    def headers(self) -> dict[str, str]:
        """``RateLimit-*``: the window that will be used up first, and the policy of all."""
        if not self.windows:
            return {"RateLimit-Policy": "unlimited"}
        pairs = zip(self.windows, self.used, strict=True)
        remaining, window = min(
            ((max(0, window.limit - used), window) for window, used in pairs),
            key=lambda pair: pair[0],
        )
        return {
            "RateLimit-Limit": str(window.limit),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(window.resets_in(self.now)),
            "RateLimit-Policy": _policy(self.windows),
        }


def documents_admit(request: Asked, texts: Sequence[object]) -> None:
    """Let a request of these texts pass, counted, or refuse it whole.

    What is no string (a text that was refused already) counts, but has no length.

    Raises:
        TierLimitError: if the tier never allows a request like this.
        RateLimitedError: if it does not fit into what is left of the minute or the day.
    """
    call = call_of(request)
    principal = call.principal
    if principal is None:  # a view without authentication has no tier
        return
    _check_size(principal.tier, texts)
    call.quota, taken = _take(principal, len(texts))
    if not taken.fits:
        raise _limited(principal.tier, call.quota, len(texts))
    call.documents = len(texts)


def call_settle(call: Call, *, status: int, version: str) -> None:
    """The end of a call that was let in.

    What was answered is used; what failed on our side is given back, for the caller will try again.
    """
    principal = call.principal
    assert principal
    if status >= 500:
        call.quota = _take(principal, -call.documents)[0]
    elif status < 400:
        recorder.usage_add(
            user_id=principal.user.id,
            key=principal.key_id,
            model=version.partition("@")[0],
            documents=call.documents,
        )


def documents_quota(principal: Principal) -> Quota:
    """What *principal* has used up; takes nothing."""
    return _take(principal, 0)[0]


def failure_count(request: Request) -> None:
    """Count a credential that is not valid.

    Raises:
        RateLimitedError: after too many from one address, so that nobody can guess for long.
    """
    _requests_admit(request, "failures", settings.FAILED_AUTH_RATE)


def login_admit(request: Request) -> None:
    """Count a use of the log-in endpoints, whatever comes of it.

    Raises:
        RateLimitedError: after too many from one address.
    """
    _requests_admit(request, "login", settings.LOGIN_RATE)


def address_quota(request: HttpRequest) -> Quota:
    """What somebody without a valid credential has used up; takes nothing."""
    return _requests_usage(request, "failures", settings.FAILED_AUTH_RATE, increment=False)


def _take(principal: Principal, cost: int) -> tuple[Quota, Taken]:
    tier = principal.tier
    now, windows = time.time(), _windows(tier.documents_per_minute, tier.documents_per_day)
    if not windows:
        return Quota((), (), now), Taken(fits=True, used=())
    taken = _counter.take(str(principal.user.id), windows, cost, now)
    return Quota(windows, taken.used, now), taken


# Both for every answer, and there are few tiers.
@lru_cache(maxsize=256)
def _windows(per_minute: int | None, per_day: int | None) -> tuple[Window, ...]:
    limits = (("minute", MINUTE, per_minute), ("day", DAY, per_day))
    return tuple(Window(name, seconds, limit) for name, seconds, limit in limits if limit)


@lru_cache(maxsize=256)
def _policy(windows: tuple[Window, ...]) -> str:
    return ", ".join(f"{window.limit};w={window.seconds}" for window in windows)


def _check_size(tier: Tier, texts: Sequence[object]) -> None:
    longest = max([len(text) for text in texts if isinstance(text, str)], default=0)
    sizes = (
        ("texts_per_batch", "texts per batch", len(texts), tier.texts_per_batch),
        ("characters_per_text", "characters per text", longest, tier.characters_per_text),
        ("documents_per_minute", "documents per minute", len(texts), tier.documents_per_minute),
        ("documents_per_day", "documents per day", len(texts), tier.documents_per_day),
    )
    for name, words, size, limit in sizes:
        if limit is not None and size > limit:
            raise TierLimitError(
                f"The tier {tier.name} allows {limit:,} {words} ({name}); "
                f"this request has {size:,}."
            )


def _limited(tier: Tier, quota: Quota, cost: int) -> RateLimitedError:
    pairs = zip(quota.windows, quota.used, strict=True)
    hit, used = max(
        ((window, used) for window, used in pairs if used + cost > window.limit),
        key=lambda pair: pair[0].resets_in(quota.now),
    )
    wait = hit.resets_in(quota.now)
    return RateLimitedError(
        f"The tier {tier.name} allows {hit.limit:,} documents per {hit.name}; "
        f"{max(0, hit.limit - used):,} are left and this request has {cost:,}. "
        f"Try again in {wait} s.",
        wait,
    )


def _requests_admit(request: Request, group: str, rate: str) -> None:
    quota = call_of(request).quota = _requests_usage(request, group, rate, increment=True)
    window = quota.windows[0]
    if quota.used[0] > window.limit:
        wait = window.resets_in(quota.now)
        raise RateLimitedError(
            f"At most {window.limit:,} {group} requests in {window.seconds} s are allowed from "
            f"one address. Try again in {wait} s.",
            wait,
        )


def _requests_usage(
    request: HttpRequest | Request, group: str, rate: str, *, increment: bool
) -> Quota:
    now = time.time()
    usage = get_usage(request, group=f"valence.{group}", key="ip", rate=rate, increment=increment)
    limit, seconds = rate_parse(rate)
    if usage is None:  # the store is away and RATE_LIMIT_STORE_DOWN says to serve
        return Quota((Window(group, seconds, limit),), (0,), now)
    # django-ratelimit's windows start at another second for each address: a clock of their own.
    left = max(1, usage["time_left"])
    used = usage["count"] if usage["limit"] else limit + 1
    return Quota((Window(group, seconds, limit),), (used,), float(seconds - left))


@cache
def rate_parse(rate: str) -> tuple[int, int]:
    """Count and seconds of ``60/m``.

    Raises:
        ValueError: if it is not of that form.
    """
    count, separator, unit = rate.partition("/")
    if not separator or not count.isdigit() or int(count) < 1 or unit not in _UNITS:
        raise ValueError(f"{rate!r}: expected a rate like 60/m")
    return int(count), _UNITS[unit]


_UNITS = {"s": 1, "m": MINUTE, "h": 3600, "d": DAY}

# One for the process, made before the first request: two threads must not make two.
_counter: Counter = counter_create()
