"""What API keys cost: CPU of one that is known, and the time of each kind of wrong one over HTTP.

The tests count calls, queries and hashes, which are the same on every machine; this shows times.
From that of a wrong key nobody may learn what was wrong with it. Needs a running server, and the
DATA_DIR and DATABASE_URL that it has.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time

import django
import httpx

from tests.soak.serving import key_make

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def kinds(key: str) -> dict[str, str]:
    """One wrong key of each kind; *key* is right."""
    from accounts.keys import key_generate
    from accounts.models import ApiKey
    from accounts.services import api_key_revoke

    revoked = key_make()
    for row in ApiKey.objects.filter(lookup_id=revoked.split("_")[1]):
        api_key_revoke(key=row)
    last, first = ("A" if key[place] != "A" else "B" for place in (-1, 17))
    return {
        "unknown": key_generate().plaintext,
        "last character": key[:-1] + last,
        "first character": key[:17] + first + key[18:],
        "revoked": revoked,
    }


def warm_cost(key: str, count: int = 2_000) -> float:
    """Microseconds of CPU to authenticate a request with a key that is known: the best of five."""
    from rest_framework.request import Request
    from rest_framework.test import APIRequestFactory

    from accounts.authentication import ApiKeyAuthentication

    authentication = ApiKeyAuthentication()
    request = Request(APIRequestFactory().get("/api/v1/me/", HTTP_X_API_KEY=key))
    times = []
    for _ in range(5):
        authentication.authenticate(request)
        started = time.thread_time()
        for _ in range(count):
            authentication.authenticate(request)
        times.append((time.thread_time() - started) / count)
    return 1e6 * min(times)


def main() -> None:
    """Ask in turns, so that what else this machine does meets all kinds alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    # Four kinds each: a minute's share of FAILED_AUTH_RATE, past which all are answered 429.
    parser.add_argument("--rounds", type=int, default=140)
    options = parser.parse_args()
    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request else
    key = key_make()
    print(f"a key that is known: {warm_cost(key):.1f} us of CPU")
    wrong = kinds(key)
    times: dict[str, list[float]] = {kind: [] for kind in wrong}
    with httpx.Client(base_url=f"http://127.0.0.1:{options.port}") as client:
        for _ in range(options.rounds):
            for kind, value in wrong.items():
                started = time.perf_counter()
                response = client.get("/api/v1/me/", headers={"X-API-Key": value})
                times[kind].append(1e3 * (time.perf_counter() - started))
                assert response.status_code == 401, response.text
    for kind, each in times.items():
        tenth = statistics.quantiles(each, n=10)[0]
        print(f"{kind}: fastest tenth {tenth:.2f} ms, median {statistics.median(each):.2f} ms")


if __name__ == "__main__":
    main()
