"""A plain analysis by key takes the short way, and nobody can tell from the answer."""

from __future__ import annotations

import io
from urllib.parse import urlsplit

import orjson
import pytest

from accounts.principals import principal_by_key
from emotions.engine import engine
from emotions.express import MAX_BODY, PATH, Express
from tests.conftest import actor, server_environment, server_start, server_stop
from tests.scraping import grown

LONG = f"{PATH}?long"
# Of one answer only.
OWN = {"x-request-id", "ratelimit-remaining", "ratelimit-reset", "date"}


@pytest.fixture(scope="module")
def started(server, django_db_blocker):
    """The engine of this process, over the server's database."""
    with django_db_blocker.unblock():
        engine.start(background=False)
        yield engine
        engine.stop()


@pytest.fixture
def warm(started, owner, django_db_blocker) -> str:
    """A key that this process has just looked up."""
    with django_db_blocker.unblock():
        assert principal_by_key(owner.key)
    return owner.key


def asked(key: str, body: object, **changes) -> dict:
    """The environment of a request."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(data)),
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_AUTHORIZATION": f"Api-Key {key}",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(data),
    }
    return {name: value for name, value in (environ | changes).items() if value is not None}


def send(environ: dict) -> tuple[bool, bytes]:
    """Whether it took the short way, and the answer or, by the long way, the body passed on."""
    answers = []

    def django(environ, start_response):
        answers.append(environ["wsgi.input"].read())
        return answers

    body = b"".join(Express(django)(environ, lambda *_: None))
    return not answers, body


def test_it_works(warm):
    short, body = send(asked(warm, {"text": "Thank you so much!"}))
    assert short
    assert orjson.loads(body)["results"][0]["dominant"]["label"] == "gratitude"


def test_whoever_scrapes_right_after_an_answer_sees_it_counted(warm):
    texts = ["Thank you, thank you!", "You are counted twice, thank you!", ""] + ["A table."] * 3
    for hits, computed in ((2, 3), (5, 0)):
        seen = grown(lambda: send(asked(warm, {"texts": texts})))
        assert seen['django_http_requests_total_by_method_total{method="POST"}'] == 1
        assert seen.get('valence_cache_total{outcome="hit"}', 0) == hits
        assert seen.get('valence_cache_total{outcome="miss"}', 0) == computed
        for stage in ("tokenise", "queue", "infer"):
            passes = seen.get(f'valence_stage_seconds_count{{stage="{stage}"}}', 0)
            assert passes == bool(computed), stage
        predicted = {name: n for name, n in seen.items() if "valence_predictions_total" in name}
        assert sum(predicted.values()) == 5
        (gratitude,) = [name for name in predicted if 'emotion="gratitude"' in name]
        assert predicted[gratitude] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"text": "I am so proud of you."},
        {"texts": ["Great.", "", "What a pity."], "top_k": 3},
        {"text": "It rains. I am sad.", "granularity": "sentence", "taxonomy": "ekman"},
        {"text": "Who knows.", "subject": "somebody", "store": False, "threshold": 0.5},
    ],
)
def test_both_ways_answer_the_same(member, body):
    member.analyze(**body)  # the answers below are cached
    answers = [member.client.post(path, json=body) for path in (LONG, PATH)]
    bodies = [answer.json() for answer in answers]
    for each in bodies:
        assert all(result.pop("id", True) for result in each["results"])
    assert bodies[0] == bodies[1]
    headers = [
        {name: value for name, value in answer.headers.items() if name not in OWN}
        for answer in answers
    ]
    assert headers[0] == headers[1]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    "body", [{"text": ""}, {"texts": []}, {"txt": "x"}, {"text": "a", "top_k": 0}, {"model": "x"}]
)
def test_both_ways_refuse_the_same(member, body):
    member.analyze(text="the key is known")
    short, long = (member.client.post(path, json=body) for path in (PATH, LONG))
    assert short.status_code == long.status_code == 400
    assert short.json() == long.json()


def test_what_fails_after_it_was_let_in_counts_once(member):
    too_many = {"text": "Yes! " * 1_001, "granularity": "sentence"}
    before = member.analyze(text="the key is known")
    failed = member.client.post(PATH, json=too_many)
    after = member.analyze(text="the key is known")
    assert failed.status_code == 400
    assert failed.json()["errors"][0]["code"] == "too_many_sentences"
    left = [int(each.headers["RateLimit-Remaining"]) for each in (before, failed, after)]
    # Unless the minute has passed meanwhile.
    assert left[2] > left[0] or left == [left[0], left[0] - 1, left[0] - 2]


def test_the_request_id_of_a_failure_is_that_of_its_answer(member):
    member.analyze(text="the key is known")
    too_many = {"text": "Yes! " * 1_001, "granularity": "sentence"}
    answer = member.client.post(PATH, json=too_many, headers={"X-Request-ID": "mine"})
    assert answer.headers["X-Request-ID"] == "mine"


@pytest.mark.parametrize(
    "changes",
    [
        {"PATH_INFO": "/api/v1/emotions/labels"},
        {"REQUEST_METHOD": "PUT"},
        {"QUERY_STRING": "a=1"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_LENGTH": None},
        {"CONTENT_LENGTH": str(MAX_BODY + 1)},
        {"HTTP_HOST": "elsewhere.example"},
        {"HTTP_HOST": None},
        {"HTTP_AUTHORIZATION": None},
        {"HTTP_AUTHORIZATION": "Api-Key val_unknown"},
        {"HTTP_AUTHORIZATION": "Bearer a.b.c"},
        {"HTTP_X_API_KEY": "another"},
    ],
)
def test_what_is_unusual_takes_the_long_way(warm, changes):
    short, passed_on = send(asked(warm, {"text": "x"}, **changes))
    assert not short
    assert passed_on == b'{"text":"x"}'


@pytest.mark.parametrize("body", [b"{", {"text": 1}, {"text": "x", "model": "valence-minilm"}])
def test_what_will_be_refused_or_looked_up_takes_the_long_way(warm, body):
    short, passed_on = send(asked(warm, body))
    assert not short
    assert passed_on == (body if isinstance(body, bytes) else orjson.dumps(body))


def test_behind_tls_both_ways_answer_the_same(
    version_folder_int8, owner, django_db_blocker, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("tls")
    with django_db_blocker.unblock():
        running = server_start(server_environment(folder) | {"HTTPS": "1"}, folder, "--no-worker")
        for somebody in actor(running, owner.user):
            secure = {"X-Forwarded-Proto": "https", "Host": urlsplit(running.url).netloc}
            somebody.client.post(LONG, json={"text": "x"}, headers=secure)
            short, long = (
                somebody.client.post(path, json={"text": "x"}, headers=secure)
                for path in (PATH, LONG)
            )
            plain = somebody.analyze(text="x")
        server_stop(running)
    assert "Strict-Transport-Security" in short.headers
    assert short.headers.keys() == long.headers.keys()
    assert plain.status_code == 301
