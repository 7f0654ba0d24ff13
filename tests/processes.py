"""The processes of a server, as Linux knows them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.conftest import Server


def children(running: Server) -> list[int]:
    """Every process below the command, however deep."""
    found, queue = [], [running.process.pid]
    while queue:
        listed = Path(f"/proc/{queue[0]}/task/{queue.pop(0)}/children")
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            pids = list(map(int, listed.read_text().split()))
            found += pids
            queue += pids
    return found


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def web_main(running: Server) -> int:
    """The process that starts the workers of the web server."""
    (main,) = [
        pid
        for pid in children(running)
        if parent(pid) == running.process.pid and "config.wsgi" in command_line(pid)
    ]
    return main


def web_workers(running: Server) -> list[int]:
    """The processes that answer, the oldest first."""
    main = web_main(running)
    return sorted(pid for pid in children(running) if parent(pid) == main)


def memory(pid: int) -> dict[str, int]:
    """Kilobytes by kind: ``Rss``, ``Pss``, ``Private_Dirty`` and others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
