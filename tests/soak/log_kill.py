"""kill -9 of the server in the middle of 5,000 requests, ten times; every id is looked for.

DATABASE_URL names a PostgreSQL database of its own, DATA_DIR a folder.
"""

from __future__ import annotations

import random
import sys
import time

from tests.soak.serving import Clients, key_make, kill, rows_of, server_start, spool_empty

REQUESTS = 5_000


def main(port: int, rounds: int) -> None:
    key, choose, worst = key_make(), random.Random(7), 0
    for number in range(1, rounds + 1):
        server = server_start(port)
        first = Clients(port, key, limit=REQUESTS)
        goal = choose.randint(REQUESTS // 4, 3 * REQUESTS // 4)
        with first.running():
            while first.answered < goal:
                time.sleep(0.002)
            kill(server)
        server = server_start(port)
        second = Clients(port, key, limit=REQUESTS - first.answered)
        with second.running():
            while second.answered < second.limit:
                time.sleep(0.01)
        seconds = spool_empty(60)
        ids = first.ids + second.ids
        found = rows_of(ids)
        missing = len(set(ids)) - len(found)
        twice = sum(count != 1 for count in found.values())
        worst = max(worst, missing + twice)
        print(
            f"round {number}: killed after {first.answered:,} answers; {len(ids):,} ids received, "
            f"{missing} missing, {twice} more than once; spool empty after {seconds:.1f} s",
            flush=True,
        )
        kill(server)
    sys.exit(1 if worst else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10)
