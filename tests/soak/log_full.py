"""The spool on a disk that fills up: answers go on, the loss is counted and said, nothing crashes.

LOG_SPOOL_DIR must lie on a small file system of its own, for instance a tmpfs of 2 MB.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import httpx

from tests.soak.serving import Clients, key_make, kill, rows_of, server_start


def main(port: int) -> None:
    key = key_make()
    spool = Path(os.environ["LOG_SPOOL_DIR"])
    server = server_start(port)
    clients = Clients(port, key, threads=4)
    ballast = spool.parent / "ballast"
    with clients.running():
        time.sleep(3)
        with ballast.open("wb", buffering=0) as file:  # somebody else's file takes all there is
            try:
                while True:
                    file.write(b"x" * 65_536)
            except OSError as error:
                print(
                    f"disk full: {error.strerror}; {clients.answered:,} answers so far", flush=True
                )
        full_at, before = time.monotonic(), clients.answered
        time.sleep(10)
        during = clients.answered - before
        state = httpx.get(f"http://127.0.0.1:{port}/health/ready").json()["request_log"]
        print(f"{during:,} answers in {time.monotonic() - full_at:.0f} s of a full disk; {state}")
        ballast.unlink()
        time.sleep(3)
    time.sleep(3)
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    lost = sum(
        float(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith("valence_log_lost_total{")
    )
    missing = len(set(clients.ids)) - len(rows_of(clients.ids))
    print(
        f"{clients.answered:,} answers, {len(clients.failures)} failures; "
        f"{len(clients.ids):,} ids, "
        f"{missing:,} not in the table, {lost:,.0f} counted as lost; "
        f"the server {'lives' if server.poll() is None else 'died'}"
    )
    kill(server)
    sys.exit(0 if not clients.failures and missing == lost else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
