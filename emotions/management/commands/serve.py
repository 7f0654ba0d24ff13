"""``manage.py serve``: set up, then run web server and worker until Ctrl-C."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.common.admission import threads
from emotions.apps import worker_processes
from emotions.management.commands.setup import DEFAULT_EMAIL, credentials, prepared
from emotions.setup import SetupResult
from emotions.supervisor import Program, become_supervisor


class Command(BaseCommand):
    """The production server: granian (WSGI, threads) and a Celery worker, from one command."""

    help = "Prepare everything, then serve until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--workers", type=int, default=worker_processes())
        parser.add_argument("--no-worker", action="store_true", help="Web server only.")
        parser.add_argument("--admin-email", default=DEFAULT_EMAIL, help="Of the first admin.")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        _check_port(host, port)
        result = prepared(self, options["admin_email"])
        self.stdout.write(credentials(result))
        self.stdout.write(_addresses(f"http://{host}:{port}", result))
        programs = [_web(host, port, options["workers"])]
        if not options["no_worker"]:
            programs.append(_celery())
        become_supervisor(programs)


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"{host}:{port} cannot be used ({error.strerror}); choose another PORT."
            raise CommandError(message) from error


def _addresses(base: str, result: SetupResult) -> str:
    key = result.admin.api_key if result.admin else "$VALENCE_API_KEY"
    return (
        f"\nValence serves {result.version}\n"
        f"  start page  {base}/\n"
        f"  API docs    {base}/api/docs/\n"
        f"  admin       {base}/admin/\n"
        f"  health      {base}/health/ready   metrics {base}/metrics\n\n"
        "Try it:\n"
        f"  curl -s {base}/api/v1/emotions/analyze \\\n"
        f"    -H 'Authorization: Api-Key {key}' -H 'Content-Type: application/json' \\\n"
        """    -d '{"text": "Thank you so much, you saved my day"}'\n"""
    )


def _web(host: str, port: int, workers: int) -> Program:
    metrics = _empty(settings.DATA_DIR / "metrics")
    command = [
        *(sys.executable, "-m", "config.webserver", "--interface", "wsgi"),
        *("--host", host, "--port", str(port), "--workers", str(workers)),
        *("--blocking-threads", str(threads()), "--respawn-failed-workers"),
        *("--log-level", settings.LOG_LEVEL.lower(), "config.wsgi:application"),
    ]
    environment = {
        # Workers add their numbers up in this folder; /metrics answers for all of them.
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "WORKERS": str(workers),
        # numpy has nothing to do here for threads of its own, and a fork would lose them.
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
        # glibc gives each of many threads a heap of its own, and none of them shrinks; of very few
        # heaps a thread finds one in use, and much in it to look through.
        "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "8"),
    }
    return Program("web", command, environment)


def _celery() -> Program:
    command = [
        *(sys.executable, "-m", "celery", "--app", "config.celery", "worker"),
        *("--concurrency", "1", "--loglevel", settings.LOG_LEVEL),
        # Tasks by the clock; on several hosts each sends them, and they may run twice.
        *("--beat", "--schedule", str(settings.DATA_DIR / "beat-schedule")),
        # Gossip and mingle look for other workers all the time; one is enough here.
        *("--without-gossip", "--without-mingle"),
    ]
    return Program("worker", command, {})


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
