"""Documents per minute and day by tier, exact across threads and processes"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.conf import settings
from django.test import RequestFactory
from redis import Connection, ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from accounts.activity import recorder
from accounts.calls import call_of
from accounts.counters import LimiterUnavailableError, MemoryCounter, RedisCounter, Window
from accounts.middleware import ApiCallMiddleware
from accounts.models import Usage
from accounts.principals import principal_by_user
from accounts.quotas import documents_admit
from accounts.services import api_key_create
from tests.accounts.conftest import error_of
from tests.waiting import PATIENCE, clear_of_midnight

# pytest -o log_cli=1 --log-cli-level=INFO shows the figures.
logger = logging.getLogger(__name__)
ANALYZE = "/api/v1/emotions/analyze"
ME = "/api/v1/me/"
LOCAL_REDIS = "redis://127.0.0.1:6379/9"
NOW = 1_800_000_000.0
MINUTE, DAY = Window("minute", 60, 100), Window("day", 86_400, 150)


@pytest.fixture(autouse=True)
def _one_day() -> None:
    clear_of_midnight()


def test_it_works(server, person, tier, key_client):
    client = key_client(person(tier=tier(documents_per_minute=50).name))
    response = client.post(ANALYZE, json={"texts": ["hello"] * 8})
    assert response.status_code == 200
    assert response.headers["RateLimit-Limit"] == "50"
    assert response.headers["RateLimit-Remaining"] == "42"
    assert 1 <= int(response.headers["RateLimit-Reset"]) <= 60
    assert response.headers["RateLimit-Policy"] == "50;w=60, 500000;w=86400"


def test_a_batch_that_does_not_fit_takes_nothing(server, person, tier, key_client):
    client = key_client(person(tier=tier(documents_per_day=100).name))
    assert client.post(ANALYZE, json={"texts": ["a"] * 60}).status_code == 200
    refused = client.post(ANALYZE, json={"texts": ["a"] * 60})
    assert refused.status_code == 429
    assert error_of(refused)["code"] == "rate_limited"
    assert "100 documents per day" in error_of(refused)["detail"]
    assert "40 are left" in error_of(refused)["detail"]
    assert int(refused.headers["Retry-After"]) == int(refused.headers["RateLimit-Reset"])
    assert refused.headers["RateLimit-Remaining"] == "40"
    assert client.post(ANALYZE, json={"texts": ["a"] * 40}).status_code == 200
    assert client.post(ANALYZE, json={"text": "a"}).status_code == 429


def test_what_is_not_answered_for_its_form_takes_nothing(server, person, tier, key_client):
    client = key_client(person(tier=tier(documents_per_day=100).name))
    assert client.post(ANALYZE, json={"texts": []}).status_code == 400
    assert client.get(ME).headers["RateLimit-Remaining"] == "100"


def test_all_keys_of_a_user_share_the_tier(server, person, tier, key_client):
    user = person(tier=tier(documents_per_day=10).name)
    first, second = key_client(user), key_client(user)
    assert first.post(ANALYZE, json={"texts": ["a"] * 10}).status_code == 200
    assert second.post(ANALYZE, json={"text": "a"}).status_code == 429


@pytest.fixture
def limited_client(server, person, tier, key_client):
    return lambda **limits: key_client(person(tier=tier(**limits).name))


@pytest.mark.parametrize(
    ("limits", "texts", "name"),
    [
        ({"texts_per_batch": 3}, ["a"] * 4, "texts_per_batch"),
        ({"characters_per_text": 10}, ["a", "a" * 11], "characters_per_text"),
        ({"documents_per_minute": 3}, ["a"] * 4, "documents_per_minute"),
    ],
)
def test_what_a_tier_never_allows_is_403_with_the_limit(limited_client, limits, texts, name):
    client = limited_client(**limits)
    response = client.post(ANALYZE, json={"texts": texts})
    assert response.status_code == 403
    assert error_of(response)["code"] == "tier_limit"
    assert name in error_of(response)["detail"]
    assert "Retry-After" not in response.headers


def test_a_tier_without_limits_says_so(server, owner):
    response = owner.analyze(text="hello")
    assert response.headers["RateLimit-Policy"] == "unlimited"


@pytest.mark.parametrize("path", ["/api/v1/me/", "/api/v1/nothing", "/api/v1/keys/"])
def test_answers_to_strangers_carry_limits_too(stranger, path):
    response = stranger.client.get(path)
    assert response.status_code in {401, 404}
    assert response.headers["RateLimit-Limit"] == "600"


def test_500_requests_at_once_get_exactly_100_documents(server, peer, person, tier):
    """With Redis through two processes; without it one process counts for itself."""
    # A day, not a minute: which window an answer was counted in is told from when it ends.
    user = person(tier=tier(documents_per_minute=None, documents_per_day=100).name)
    _, key = api_key_create(user=user, name="tests")
    servers = [server, peer] if settings.REDIS_URL else [server]
    windows: Counter[int] = Counter()
    admitted: Counter[int] = Counter()

    def one(number: int) -> tuple[int, int]:
        client = own.clients[number % len(servers)]
        response = client.post(ANALYZE, json={"text": "at once"})
        ends = time.time() + int(response.headers["RateLimit-Reset"])
        return response.status_code, round(ends / 86_400)

    headers = {"Authorization": f"Api-Key {key}"}
    own, clients = threading.local(), []

    def connect() -> None:
        # A client each: one shared by 50 threads closes connections that others are reading from.
        own.clients = [
            httpx.Client(base_url=each.url, headers=headers, timeout=PATIENCE, verify=False)
            for each in servers
        ]
        clients.extend(own.clients)

    with ThreadPoolExecutor(50, initializer=connect) as pool:
        for status, window in pool.map(one, range(500)):
            assert status in {200, 429}
            windows[window] += 1
            admitted[window] += status == 200
    for client in clients:
        client.close()
    logger.info("%d processes let %s of %s through", len(servers), admitted, windows)
    # One day, unless it ended meanwhile; each counts for itself.
    assert {window: min(100, count) for window, count in windows.items()} == admitted


@pytest.fixture(params=["memory", "redis"])
def counter(request, monkeypatch):
    """Redis: the configured one, or that of this machine; only a laptop without may skip."""
    if request.param == "memory":
        yield MemoryCounter()
        return
    client = Redis.from_url(settings.REDIS_URL or LOCAL_REDIS, socket_timeout=PATIENCE)
    try:
        client.ping()
    except RedisError:
        assert not os.environ.get("CI"), "CI has a Redis"
        pytest.skip("no Redis is running here")
    monkeypatch.setattr("django_redis.get_redis_connection", lambda _: client)
    yield RedisCounter(serve_without_store=False)
    client.close()


def test_counters_add_to_all_windows_or_to_none(counter):
    subject = f"test-{time.monotonic_ns()}"
    assert counter.take(subject, (MINUTE, DAY), 90, NOW).used == (90, 90)
    refused = counter.take(subject, (MINUTE, DAY), 20, NOW)
    assert (refused.fits, refused.used) == (False, (90, 90))
    assert counter.take(subject, (MINUTE, DAY), 10, NOW).used == (100, 100)
    assert counter.take(subject, (MINUTE, DAY), 0, NOW).fits
    assert counter.take(subject, (MINUTE, DAY), -30, NOW).used == (70, 70)
    assert not counter.take(subject, (MINUTE, DAY), -30, NOW + 60).fits
    assert counter.take(subject, (MINUTE, DAY), 30, NOW).used == (100, 100)
    # The next minute has room, the day is nearly over its limit.
    assert counter.take(subject, (MINUTE, DAY), 60, NOW + 60).used == (0, 100)
    assert counter.take(subject, (MINUTE, DAY), 50, NOW + 60).used == (50, 150)
    assert counter.take(subject, (MINUTE, DAY), 100, NOW + 86_400).used == (100, 100)


@pytest.mark.parametrize(("status", "remaining"), [(200, "90"), (400, "90"), (503, "100")])
def test_what_fails_on_our_side_is_given_back(server, person, tier, status, remaining):
    from django.http import HttpResponse
    from rest_framework.request import Request

    user = person(tier=tier(documents_per_day=100).name)

    def view(request):
        call_of(request).principal = principal_by_user(user.pk)
        documents_admit(Request(request), ["a"] * 10)
        return HttpResponse(status=status)

    response = ApiCallMiddleware(view)(RequestFactory().post(ANALYZE))
    assert response["RateLimit-Remaining"] == remaining
    recorder.flush()
    assert Usage.objects.filter(user=user).exists() == (status == 200)


def test_counts_of_past_windows_are_forgotten(monkeypatch):
    monkeypatch.setattr("accounts.counters.MAX_COUNTS", 3)
    counter = MemoryCounter()
    for number in range(20):
        counter.take(f"subject-{number}", (MINUTE,), 1, NOW + 60 * number)
    assert len(counter._counts) <= 4


@pytest.fixture
def redis_away(settings, monkeypatch):
    """A port at which nobody listens, and the attempts to reach it."""
    attempts: list[Connection] = []

    class Counted(Connection):
        def connect(self) -> None:
            attempts.append(self)
            super().connect()

    # As django-redis has it: one try.
    pool = ConnectionPool(connection_class=Counted, port=1, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr("django_redis.get_redis_connection", lambda _: Redis(connection_pool=pool))
    # However long a step takes, it is taken before the next look at Redis is due.
    monkeypatch.setattr("accounts.counters.OUTAGE_SECONDS", PATIENCE)
    return attempts


def test_without_its_store_each_process_counts_for_itself(redis_away):
    counter = RedisCounter(serve_without_store=True)
    assert counter.take("a", (MINUTE,), 60, NOW).used == (60,)
    assert not counter.take("a", (MINUTE,), 60, NOW).fits
    assert len(redis_away) == 1  # Redis is not asked again at once


def test_without_its_store_the_limiter_refuses_where_the_setting_says_so(redis_away):
    with pytest.raises(LimiterUnavailableError) as caught:
        RedisCounter(serve_without_store=False).take("a", (MINUTE,), 1, NOW)
    assert caught.value.status_code == 503
    assert caught.value.wait > 0
