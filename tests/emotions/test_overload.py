"""More work than fits is refused at once, and what was accepted is answered"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from accounts.models import User
from config.common.admission import SLOTS
from tests.conftest import Actor, actor, server_environment, server_start, server_stop
from tests.waiting import PATIENCE, wait_for

CLIENTS = 8


def busy_owner(django_db_blocker, folder, **limits):
    """A server with these limits and no other, and its owner."""
    unlimited = {"INFERENCE_QUEUE": "100000", "INFERENCE_DEADLINE": str(PATIENCE)}
    with django_db_blocker.unblock():
        environment = server_environment(folder) | unlimited | limits
        running = server_start(environment, folder, "--no-worker")
        user = User.objects.filter(email="busy@example.org").first()
        user = user or User.objects.create_superuser("busy@example.org", "busy-password")
        yield from actor(running, user)
        server_stop(running)


@pytest.fixture(scope="module")
def short_queue(version_folder_int8, django_db_blocker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("short-queue")
    yield from busy_owner(django_db_blocker, folder, INFERENCE_QUEUE="100")


@pytest.fixture(scope="module")
def short_deadline(version_folder_int8, django_db_blocker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("short-deadline")
    yield from busy_owner(django_db_blocker, folder, INFERENCE_DEADLINE="0.05")


_new = itertools.count()


def batch() -> list[str]:
    """Texts that no cache knows."""
    return [f"batch {next(_new)} has text number {i}, a sentence of its own" for i in range(100)]


def crowd(actor: Actor, clients: int) -> list[httpx.Response]:
    """What so many clients were told who asked at once, as soon as some of them met."""
    answers: list[httpx.Response] = []

    def some_met() -> bool:
        with ThreadPoolExecutor(clients) as pool:
            answers.extend(pool.map(lambda _: actor.analyze(texts=batch()), range(clients)))
        return any(answer.status_code != 200 for answer in answers)

    wait_for(some_met)
    return answers


def test_it_works(short_queue):
    answers = crowd(short_queue, CLIENTS)
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 200:
            assert all("dominant" in result for result in answer.json()["results"])
        else:
            assert answer.json()["errors"][0]["code"] == "queue_full"
            assert int(answer.headers["Retry-After"]) >= 1
    assert short_queue.analyze(texts=batch()).status_code == 200


def test_past_the_deadline_the_answer_is_504_and_the_server_goes_on(short_deadline):
    answer = short_deadline.analyze(texts=[text * 20 for text in batch()])
    assert answer.status_code == 504
    assert answer.json()["errors"][0]["code"] == "deadline_exceeded"
    wait_for(lambda: short_deadline.analyze(text="Still there?").status_code == 200)


@pytest.fixture(scope="module")
def no_line(version_folder_int8, django_db_blocker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("no-line")
    yield from busy_owner(django_db_blocker, folder, REQUEST_LINE="0")


def test_who_comes_after_the_end_of_the_line_is_told_at_once(no_line):
    with ThreadPoolExecutor(1) as pool:
        crowded = pool.submit(crowd, no_line, SLOTS + 8)
        while not crowded.done():  # probes do not stand in the line
            assert no_line.client.get("/health/live").status_code == 200
        answers = crowded.result()
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.json()["errors"][0]["code"] for answer in refused} == {"queue_full"}
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)
    assert all(answer.headers["X-Request-ID"] for answer in refused)
    assert no_line.analyze(text="And now?").status_code == 200
    # Each worker counts for itself, a moment later.
    wait_for(lambda: refused_in_line(no_line) >= len(refused))
    assert refused_in_line(no_line) == len(refused)


def refused_in_line(actor: Actor) -> float:
    page = actor.client.get("/metrics").text.splitlines()
    counted = [line for line in page if "<refused in line>" in line and 'status="503"' in line]
    return float(counted[0].rsplit(" ", 1)[1]) if counted else 0.0
