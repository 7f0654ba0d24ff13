"""PostgreSQL stopped for a minute under load: no answer fails, every row arrives exactly once.

Makes and stops a cluster of its own, so it must run as a user who may become ``postgres``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql/15/bin")
SECONDS = 60


def cluster(action: str, folder: Path, *options: str) -> None:
    command = [str(BINARIES / "pg_ctl"), "-D", str(folder), "-w", *options, action]
    subprocess.run(["runuser", "-u", "postgres", "--", *command], check=True, capture_output=True)


def cluster_make(folder: Path, port: int) -> None:
    folder.mkdir(parents=True)
    subprocess.run(["chown", "postgres", str(folder)], check=True)
    initdb = [str(BINARIES / "initdb"), "-D", str(folder), "-A", "trust"]
    subprocess.run(["runuser", "-u", "postgres", "--", *initdb], check=True, capture_output=True)
    cluster("start", folder, "-o", f"-p {port} -k /tmp", "-l", f"{folder}/log")


def main(folder: Path, port: int, database_port: int) -> None:
    url = f"postgresql://postgres@127.0.0.1:{database_port}/postgres"
    os.environ["DATABASE_URL"] = url
    os.environ["DATA_DIR"] = str(folder / "data")
    cluster_make(folder / "cluster", database_port)
    try:
        run(folder / "cluster", port, database_port)
    finally:
        cluster("stop", folder / "cluster", "-m", "immediate")


def run(data: Path, port: int, database_port: int) -> None:
    from tests.soak.serving import Clients, key_make, kill, rows_of, server_start, spool_empty

    Path(os.environ["DATA_DIR"]).mkdir(exist_ok=True)
    key = key_make()
    server = server_start(port)
    clients = Clients(port, key, threads=4)
    try:
        with clients.running():
            time.sleep(5)
            before = clients.answered
            cluster("stop", data, "-m", "fast")
            print(f"stopped after {before:,} answers", flush=True)
            time.sleep(SECONDS)
            during = clients.answered - before
            cluster("start", data, "-o", f"-p {database_port} -k /tmp", "-l", f"{data}/log")
            print(f"started again; {during:,} answers meanwhile", flush=True)
            time.sleep(5)
        seconds = spool_empty(120)
        found = rows_of(clients.ids)
    finally:
        kill(server)
    missing = len(set(clients.ids)) - len(found)
    twice = sum(count != 1 for count in found.values())
    print(
        f"{clients.answered:,} answers, {len(clients.failures)} failures, "
        f"{len(clients.ids):,} ids, "
        f"{missing} missing, {twice} more than once; spool empty {seconds:.1f} s after the end"
    )
    for failure in sorted(set(clients.failures)):
        print(f"  {clients.failures.count(failure)} times {failure}")
    sys.exit(1 if missing or twice or clients.failures else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
