"""The result cache: bounded in process, shared through Redis, silent when Redis is not there."""

from __future__ import annotations

import os
import struct

import pytest
from django.conf import settings
from django_redis.cache import RedisCache

from emotions.cache import CachedResult
from tests.emotions.conftest import result_cache
from tests.waiting import PATIENCE

DIGEST = "ab" * 32
LOCAL_REDIS = "redis://127.0.0.1:6379/9"
OPTIONS = {
    "IGNORE_EXCEPTIONS": True,
    "SOCKET_CONNECT_TIMEOUT": 0.2,
    "SOCKET_TIMEOUT": 0.2,
    "SERIALIZER": "django_redis.serializers.msgpack.MSGPackSerializer",
}


def entry(value: float = 0.5) -> CachedResult:
    return CachedResult(struct.pack("<28f", *[value] * 28), tokens=7, windows=2)


def test_it_works():
    made = result_cache()
    key = made.key(DIGEST, "hello")
    assert made.get_many([key]) == {}
    made.keep({key: entry()})
    assert made.get_many([key])[key].tokens == 7


def test_an_entry_survives_packing():
    again = CachedResult.unpack(entry(0.25).pack())
    assert (again.tokens, again.windows) == (7, 2)
    assert again.row == entry(0.25).row


@pytest.mark.parametrize("unknown", [None, 0, 3])
def test_what_is_kept_comes_back_as_it_was(unknown):
    made = result_cache()
    key = made.key(DIGEST, "hello")
    made.keep({key: entry(0.25)._replace(unknown=unknown)})
    again = made.get_many([key])[key]
    assert (again.tokens, again.windows, again.unknown) == (7, 2, unknown)
    assert again.row == entry(0.25).row


def test_keys_differ_by_model_text_and_secret():
    made = result_cache()
    keys = {made.key(DIGEST, "a"), made.key(DIGEST, "b"), made.key("cd" * 32, "a")}
    other = type(made)(size=1, shared=made._shared, seconds=1, secret=b"another")
    assert len(keys | {other.key(DIGEST, "a")}) == 4


def test_what_was_used_longest_ago_goes_first():
    made = result_cache(size=2)
    first, second, third = (made.key(DIGEST, text) for text in "abc")
    made.keep({first: entry(), second: entry()})
    made.get_many([first])
    made.keep({third: entry()})
    assert set(made.get_many([first, second, third])) == {first, third}


@pytest.fixture
def redis() -> RedisCache:
    """The configured Redis, or the one of this machine; only a laptop without one may skip."""
    patient = {"SOCKET_CONNECT_TIMEOUT": PATIENCE, "SOCKET_TIMEOUT": PATIENCE}
    made = RedisCache(settings.REDIS_URL or LOCAL_REDIS, {"OPTIONS": OPTIONS | patient})
    made.set("probe", 1)
    if made.get("probe") != 1:
        assert not os.environ.get("CI"), "CI has a Redis"
        pytest.skip("no Redis is running here")
    return made


def test_processes_share_results_through_redis(redis):
    one, other = result_cache(redis), result_cache(redis)
    key = one.key(DIGEST, f"shared {os.getpid()}")
    one.keep({key: entry(0.75)})
    assert other.get_many([key])[key].row == entry(0.75).row


def test_what_came_from_redis_stays_in_the_process(redis):
    one, other = result_cache(redis), result_cache(redis)
    key = one.key(DIGEST, f"kept {os.getpid()}")
    one.keep({key: entry(0.75)})
    other.get_many([key])
    redis.delete(f"scores:{key.hex()}")
    assert other.get_many([key]).keys() == {key}


def test_redis_holds_no_readable_text(redis):
    made = result_cache(redis)
    made.keep({made.key(DIGEST, "a secret confession"): entry()})
    client = redis.client.get_client()
    assert not [key for key in client.scan_iter() if b"confession" in key]


def test_a_redis_that_is_down_costs_no_answer():
    down = RedisCache("redis://127.0.0.1:1/0", {"OPTIONS": OPTIONS})
    made = result_cache(down)
    key = made.key(DIGEST, "hello")
    made.keep({key: entry()})
    assert made.get_many([key]).keys() == {key}
    assert made.get_many([made.key(DIGEST, "unknown")]) == {}
