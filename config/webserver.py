"""``python -m config.webserver``: granian's command line, for workers that are forked.

Several of them share what they only read: it is loaded before the fork. A single one loads for
itself. On Linux: elsewhere workers are started anew instead of forked.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys

from config import env

_STOP = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Load what workers share (``WORKERS`` of them), then serve until told to stop."""
    if sys.platform == "linux":
        if env.number("WORKERS", 1) > 1:
            _load()
        _let_workers_stop_early()
        multiprocessing.set_start_method("fork")
    from granian.cli import entrypoint

    entrypoint()  # type: ignore[no-untyped-call]


def _load() -> None:
    # Garbage that is freed before the fork leaves gaps, which workers would fill, each with a copy
    # of the page around it.
    gc.disable()
    from django.db import connections
    from django.urls import get_resolver

    import config.application  # noqa: F401
    from emotions.apps import routing_table, runtime_options
    from emotions.preloading import preloaded
    from mlops.inference.memory import memory_release

    # Views and all they import, which otherwise the first request does.
    _ = get_resolver().url_patterns
    preloaded.load(routing_table, runtime_options())
    # Two processes on one connection would talk across each other.
    connections.close_all()
    memory_release()
    gc.freeze()
    gc.enable()


def _let_workers_stop_early() -> None:
    """Let a signal end a worker that does not serve yet.

    A fork begins with its parent's handlers, which stop nothing in it, and granian sets a worker's
    own only when the application is imported: who is told to stop before would never end, nor the
    parent that waits for it. Signals are held back meanwhile, so that none falls in between.
    """
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, _STOP),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP),
        after_in_child=_stop_by_default,
    )


def _stop_by_default() -> None:
    for number in _STOP:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)


if __name__ == "__main__":
    main()
