"""What is cached of callers: fast, and never more than two seconds behind."""

from __future__ import annotations

import logging
import sys
import time
from functools import partial

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts import principals
from accounts.authentication import ApiKeyAuthentication
from accounts.freshness import HARD_SECONDS, SOFT_SECONDS, FreshCache, StoreUnavailableError
from accounts.models import Tier, User
from accounts.principals import principal_by_key
from accounts.services import api_key_create, api_key_revoke
from tests.waiting import wait_for

ME = "/api/v1/me/"
# pytest -o log_cli=1 --log-cli-level=INFO shows the figures.
logger = logging.getLogger(__name__)


@pytest.fixture
def header(person, settings):
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # the middleware of the test client looks for it
    _, key = api_key_create(user=person(), name="tests")
    return {"Authorization": f"Api-Key {key}"}


def test_it_works(server, header, monkeypatch):
    monkeypatch.setattr(principals._keys, "_clock", Clock())  # it is never too late to be warm
    client = Client(headers=header)
    with CaptureQueriesContext(connection) as cold:
        assert client.get(ME).status_code == 200
    with CaptureQueriesContext(connection) as warm:
        assert client.get(ME).status_code == 200
    assert len(cold) == 2
    assert len(warm) == 0


def test_a_wrong_key_costs_one_query(server, header):
    client = Client(headers={"Authorization": header["Authorization"][:-9] + "AAAAAAAAA"})
    with CaptureQueriesContext(connection) as queries:
        assert client.get(ME).status_code == 401
    assert len(queries) == 1


def test_a_warm_key_costs_at_most_60_calls(server, header, monkeypatch):
    """Counted, not timed: tests/soak/key_cost.py shows the microseconds."""
    monkeypatch.setattr(principals._keys, "_clock", Clock())
    authentication = ApiKeyAuthentication()
    request = Request(APIRequestFactory().get(ME, headers=header))
    calls: list[str] = []
    for _ in range(2):
        calls.clear()
        sys.setprofile(lambda _, event, __: calls.extend([event] * ("call" in event)))
        try:
            authentication.authenticate(request)
        finally:
            sys.setprofile(None)
    logger.info("a warm key costs %d calls", len(calls))
    assert 0 < len(calls) <= 60


def test_what_is_known_is_trusted_for_less_than_the_promised_two_seconds():
    """Half a second is left for the query; what passes after that is measured below."""
    assert SOFT_SECONDS < HARD_SECONDS <= 1.5


def test_a_revoked_key_is_refused_by_a_second_process(server, peer, person, connect):
    row, key = api_key_create(user=person(), name="tests")
    clients = [connect(server, key), connect(peer, key)]
    assert [client.get(ME).status_code for client in clients] == [200, 200]
    api_key_revoke(key=row)
    revoked = time.monotonic()
    wait_for(lambda: all(client.get(ME).status_code == 401 for client in clients))
    logger.info("revocation seen by two processes after %.2f s", time.monotonic() - revoked)


def test_a_changed_tier_is_seen_by_a_second_process(server, peer, person, tier, connect):
    limits = tier(documents_per_minute=1_000)
    _, key = api_key_create(user=person(tier=limits.name), name="tests")
    clients = [connect(server, key), connect(peer, key)]

    def seen():
        return {client.get(ME).headers["RateLimit-Policy"] for client in clients}

    assert seen() == {"1000;w=60, 500000;w=86400"}
    Tier.objects.filter(pk=limits.pk).update(documents_per_minute=2_000)
    changed = time.monotonic()
    wait_for(lambda: seen() == {"2000;w=60, 500000;w=86400"})
    logger.info("tier change seen by two processes after %.2f s", time.monotonic() - changed)


def test_a_disabled_user_is_refused(server, person, connect):
    user = person()
    _, key = api_key_create(user=user, name="tests")
    client = connect(server, key)
    assert client.get(ME).status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    wait_for(lambda: client.get(ME).status_code == 401)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def failing():
    raise DatabaseError("the database is away")


def test_values_are_loaded_again_after_the_soft_limit_only():
    clock, loads = Clock(), []
    cache: FreshCache[int] = FreshCache(clock)

    def load():
        loads.append(clock.now)
        return len(loads)

    assert [cache.get("a", load), cache.get("a", load)] == [1, 1]
    clock.now += 0.8
    assert cache.get("a", load) == 2


def test_nobody_is_answered_from_an_entry_past_the_hard_limit():
    clock = Clock()
    cache: FreshCache[int] = FreshCache(clock)
    cache.get("a", lambda: 1)
    clock.now += 1.0
    # While one caller loads, another goes on with what is known, but not for ever.
    assert cache.get("a", lambda: cache.get("a", failing)) == 1
    clock.now += 2.0
    assert cache.get("a", lambda: cache.get("a", lambda: 3)) == 3


def test_what_does_not_exist_is_not_kept():
    cache: FreshCache[int] = FreshCache()
    assert cache.get("a", lambda: None) is None
    assert cache.get("a", lambda: 1) == 1


def test_known_callers_go_on_while_the_database_is_away_for_five_minutes():
    clock = Clock()
    cache: FreshCache[int] = FreshCache(clock)
    cache.get("a", lambda: 1)
    clock.now += 290
    assert cache.get("a", failing) == 1
    clock.now += 20
    with pytest.raises(StoreUnavailableError):
        cache.get("a", failing)
    with pytest.raises(StoreUnavailableError):
        cache.get("b", failing)


def test_principals_of_forgotten_keys_do_not_pile_up(server, person, monkeypatch):
    monkeypatch.setattr("accounts.freshness.MAX_ENTRIES", 3)
    cache: FreshCache[int] = FreshCache()
    for key in range(10):
        cache.get(key, partial(int, key))
    assert len(cache._entries) == 3
    assert principal_by_key("val_") is None
