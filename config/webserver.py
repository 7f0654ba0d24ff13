"""``python -m config.webserver``: granian's command line, with all loaded before it forks workers.

They share what they only read; for one worker alone this process would be in the way. On Linux:
elsewhere workers are started anew instead of forked.
"""

from __future__ import annotations

import gc
import multiprocessing


def _load() -> None:
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


def main() -> None:
    """Load, then serve until told to stop."""
    # Garbage that is freed before the fork leaves gaps, which workers would fill, each with a copy
    # of the page around it.
    gc.disable()
    _load()
    gc.freeze()
    gc.enable()
    multiprocessing.set_start_method("fork")
    from granian.cli import entrypoint

    entrypoint()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
