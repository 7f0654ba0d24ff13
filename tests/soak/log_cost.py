"""What the log adds to a request: the same call with and without it, in turns, in one process.

Without: nobody's caller is worked out and nothing is recorded. The writer thread runs beside both.
"""

from __future__ import annotations

import io
import json
import os
import resource
import statistics
import sys
import time
from importlib import import_module
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.wsgi import application
from emotions.engine import engine
from mlops.inference.errors import NotReadyError
from mlops.log.callers import NOBODY
from tests.soak.serving import key_make

NO_ID = "019a0000-0000-7000-8000-000000000000"
services: Any = import_module("emotions.services")
views: Any = import_module("emotions.views")
WITH = (views.caller_of, services.answer_record)
WITHOUT = (lambda *_, **__: NOBODY, lambda **given: [NO_ID] * len(given["texts"]))


def switch(functions: tuple[Any, Any]) -> None:
    views.caller_of, services.answer_record = functions


def ask(key: str, body: bytes) -> float:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/emotions/analyze",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Api-Key {key}",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
    }
    answers: list[str] = []
    started = time.perf_counter()
    call: Any = application
    response = call(environ, lambda status, _: answers.append(status))
    b"".join(response)
    seconds = time.perf_counter() - started
    getattr(response, "close", list)()
    assert answers == ["200 OK"], answers
    return seconds


def _alone(key: str, body: bytes, rounds: int) -> float:
    """The time within the two calls, seen from inside."""
    spent: list[float] = []

    def timed(function: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            result = function(*given, **named)
            spent.append(time.perf_counter() - started)
            return result

        return call

    switch((timed(WITH[0]), timed(WITH[1])))
    for _ in range(rounds):
        ask(key, body)
    switch(WITH)
    return 1e6 * (statistics.median(spent[::2]) + statistics.median(spent[1::2]))


def main(rounds: int) -> None:
    key = key_make()
    while True:
        try:
            print(f"{engine.classifier.manifest.name} is loaded")
            break
        except NotReadyError:
            time.sleep(0.1)
    for name, texts in (
        ("one cached text", ["Thank you so much, you saved my day"]),
        ("64 cached texts", [f"Thank you so much, number {n}" for n in range(64)]),
    ):
        body = json.dumps({"texts": texts}).encode()
        for _ in range(200):
            ask(key, body)
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(2 * rounds):
            logged = number % 2 == 0
            switch(WITH if logged else WITHOUT)
            times[logged].append(ask(key, body))
        switch(WITH)
        on, off = (1e6 * statistics.median(times[kind]) for kind in (True, False))
        print(f"{name}: p50 {on:.0f} us with, {off:.0f} us without: {on - off:.1f} us")
        print(f"  its two calls alone: p50 {_alone(key, body, rounds):.1f} us")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{used.ru_utime + used.ru_stime:.1f} s of CPU in all, the writer's included")
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000)
