"""How long each kind of wrong API key takes over HTTP: nobody may learn from it which it was.

The same queries and the same hashing are promised by the tests; this shows what is left to a clock.
Needs a server on the given port and the DATA_DIR and DATABASE_URL that it runs on.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time

import django
import httpx

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def kinds() -> dict[str, str]:
    """One wrong key of each kind, made from keys of the soak user."""
    from accounts.keys import key_generate
    from accounts.models import ApiKey
    from accounts.services import api_key_revoke
    from tests.soak.serving import key_make

    key, revoked = key_make(), key_make()
    for row in ApiKey.objects.filter(lookup_id=revoked.split("_")[1]):
        api_key_revoke(key=row)
    last, first = ("A" if key[place] != "A" else "B" for place in (-1, 17))
    return {
        "unknown": key_generate().plaintext,
        "last character": key[:-1] + last,
        "first character": key[:17] + first + key[18:],
        "revoked": revoked,
    }


def main() -> None:
    """Ask in turns, so that what else this machine does meets all kinds alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    # Four kinds each: a minute's share of FAILED_AUTH_RATE, past which all are answered 429.
    parser.add_argument("--rounds", type=int, default=140)
    options = parser.parse_args()
    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request else
    wrong = kinds()
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
