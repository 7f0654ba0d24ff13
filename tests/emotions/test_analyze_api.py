"""POST /api/v1/emotions/analyze"""

from __future__ import annotations

import uuid

import pytest

URL = "/api/v1/emotions/analyze"
LABELS = 28


def error_of(response):
    body = response.json()
    assert set(body) == {"type", "errors"}
    return body["errors"][0]


def test_it_works(member):
    response = member.analyze(text="Thank you so much, you saved my day")
    assert response.status_code == 200
    (result,) = response.json()["results"]
    assert result["dominant"]["label"] == "gratitude"
    assert result["dominant"]["score"] > 0.8
    assert result["labels"][0] == result["dominant"]
    assert len(result["scores"]) == LABELS
    assert not result["low_confidence"]
    assert result["valence"] > 0.5
    assert result["windows"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I have no idea what this error means", {"confusion"}),
        ("I'm terrified of tomorrow's exam", {"fear", "nervousness"}),
        ("Stop wasting my time", {"anger", "annoyance"}),
        ("I miss my dad every single day", {"sadness", "grief"}),
        ("The meeting is at 3 pm", {"neutral"}),
        ("Congratulations, what a wonderful result!", {"admiration", "excitement", "joy"}),
        ("I love you with all my heart", {"love"}),
        ("That is disgusting, I feel sick", {"disgust"}),
        ("Haha, this is hilarious", {"amusement"}),
        ("I am so sorry, it was my fault", {"remorse"}),
        ("How does this machine work?", {"curiosity"}),
    ],
)
def test_everyday_sentences_have_a_sensible_dominant_emotion(member, text, expected):
    (result,) = member.analyze(text=text).json()["results"]
    assert result["dominant"]["label"] in expected


def test_stranger_is_refused(stranger):
    response = stranger.analyze(text="hello")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Api-Key"
    assert error_of(response)["code"] == "not_authenticated"


def test_one_bad_text_does_not_fail_the_fifteen_others(member):
    texts = [f"I am happy about number {i}" for i in range(15)]
    texts.insert(7, "")
    results = member.analyze(texts=texts).json()["results"]
    assert [result["index"] for result in results] == list(range(16))
    assert [index for index, result in enumerate(results) if "error" in result] == [7]
    assert results[7]["error"] == {
        "code": "blank",
        "detail": "The text is empty.",
        "attr": "texts.7",
    }
    assert all(result["dominant"]["label"] for i, result in enumerate(results) if i != 7)


def test_a_repeated_text_is_answered_from_the_cache_with_the_same_scores(member):
    new = uuid.uuid4()  # to a Redis that remembers other runs, too
    first = member.analyze(text=f"The cache remembers this very sentence {new}").json()
    second = member.analyze(text=f"The  cache remembers\nthis very sentence {new} ").json()
    assert not first["results"][0]["cached"]
    assert second["results"][0]["cached"]
    assert second["meta"]["cached"] == 1
    assert second["results"][0]["scores"] == first["results"][0]["scores"]


def test_one_cache_entry_serves_every_presentation(member):
    member.analyze(text="One entry, several ways to look at it")
    ekman = member.analyze(text="One entry, several ways to look at it", taxonomy="ekman").json()
    assert ekman["results"][0]["cached"]
    assert set(ekman["results"][0]["scores"]) == {
        *("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
    }


def test_sentiment_groups_the_emotions(member):
    (result,) = member.analyze(text="I love this", taxonomy="sentiment").json()["results"]
    assert result["dominant"]["label"] == "positive"
    assert set(result["scores"]) == {"positive", "negative", "ambiguous", "neutral"}


def test_top_k_keeps_the_strongest_scores(member):
    (result,) = member.analyze(text="I love this", top_k=3).json()["results"]
    scores = list(result["scores"].values())
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_threshold_overrides_the_models_own(member):
    (everything,) = member.analyze(text="I love this", threshold=0.0).json()["results"]
    (nothing,) = member.analyze(text="I love this", threshold=1.0).json()["results"]
    assert len(everything["labels"]) == LABELS
    assert nothing["labels"] == []
    assert nothing["low_confidence"]
    assert nothing["dominant"] == everything["dominant"]


def test_sentences_carry_offsets_in_code_points(member):
    text = "😀 I love it.  But the ending made me cry!"
    (result,) = member.analyze(text=text, granularity="sentence").json()["results"]
    parts = [text[part["start"] : part["end"]] for part in result["sentences"]]
    assert parts == ["😀 I love it.", "But the ending made me cry!"]
    assert [part["dominant"]["label"] for part in result["sentences"]] == ["love", "sadness"]


def test_long_text_is_read_in_windows_and_never_cut(member):
    filler = "The office is open from nine to five. " * 60
    short = member.analyze(text=filler).json()["results"][0]
    long = member.analyze(text=filler + "Thank you, thank you so much! " * 20).json()["results"][0]
    assert short["windows"] > 1
    assert long["windows"] > short["windows"]
    assert long["scores"]["gratitude"] > short["scores"]["gratitude"] + 0.1


def test_the_answer_says_which_model_gave_it_and_how_long_it_took(member):
    response = member.analyze(text="Which model is this?")
    meta = response.json()["meta"]
    assert meta["model"]["name"] == "valence-minilm"
    assert len(meta["model"]["digest"]) == 64
    assert meta["model"]["digest"][:12] in response.headers["X-Model-Version"]
    assert meta["timings_ms"]["infer"] > 0


def test_the_callers_request_id_comes_back(member):
    headers = {"X-Request-ID": "trace-42"}
    assert member.client.post(URL, json={"text": "hi"}, headers=headers).headers[
        "X-Request-ID"
    ] == ("trace-42")
    spoiled = member.client.post(URL, json={"text": "hi"}, headers={"X-Request-ID": "a b;c"})
    assert spoiled.headers["X-Request-ID"] != "a b;c"


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "required", "text"),
        ({"text": "a", "texts": ["b"]}, "mutually_exclusive", "text"),
        ({"text": ""}, "blank", "text"),
        ({"text": " \n\t "}, "blank", "text"),
        ({"text": None}, "null", "text"),
        ({"text": 5}, "invalid", "text"),
        ({"text": ["a"]}, "invalid", "text"),
        ({"text": "x" * 20_001}, "max_length", "text"),
        ({"text": "a\0b"}, "null_characters_not_allowed", "text"),
        ({"texts": []}, "empty", "texts"),
        ({"texts": "hello"}, "not_a_list", "texts"),
        ({"texts": ["a"] * 101}, "max_items", "texts"),
        ({"text": "a", "top_k": 0}, "min_value", "top_k"),
        ({"text": "a", "top_k": True}, "invalid", "top_k"),
        ({"text": "a", "threshold": 1.5}, "max_value", "threshold"),
        ({"text": "a", "threshold": "nan"}, "invalid", "threshold"),
        ({"text": "a", "granularity": "word"}, "invalid_choice", "granularity"),
        ({"text": "a", "taxonomy": "plutchik"}, "invalid_choice", "taxonomy"),
        ({"text": "a", "treshold": 0.5}, "unknown_field", "treshold"),
        ({"text": "So. " * 1001, "granularity": "sentence"}, "too_many_sentences", "granularity"),
    ],
)
def test_bad_input_names_the_field_and_a_stable_code(member, body, code, attr):
    response = member.analyze(**body)
    assert response.status_code == 400
    assert response.json()["type"] == "validation_error"
    assert (error_of(response)["code"], error_of(response)["attr"]) == (code, attr)


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"text": "\xff\xfe"}', b'{"text": "\\ud800"}', b'{"text": NaN}', b"text=hello"],
)
def test_a_body_that_is_not_json_is_a_parse_error(member, body):
    response = member.client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert error_of(response)["code"] == "parse_error"


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"[]", "invalid"), (b'"text"', "invalid"), (b"5", "invalid"), (b"null", "null")],
)
def test_json_that_is_no_object_is_refused(member, body, code):
    response = member.client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert error_of(response)["code"] == code


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_415(member, content_type):
    response = member.client.post(URL, content=b"{}", headers={"Content-Type": content_type})
    assert response.status_code == 415
    assert error_of(response)["code"] == "unsupported_media_type"


def test_a_body_past_the_limit_is_413(member):
    body = b'{"text": "' + b"x" * 25_000_001 + b'"}'
    response = member.client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert error_of(response)["code"] == "body_too_large"


@pytest.mark.parametrize(
    "text",
    [
        "😀😂🥹",
        "a" * 20_000,
        "ab " * 6_666,
        "مرحبا، أنا سعيد جدا اليوم",
        "\u202eright to left override",
        "\u200b",
        "\x01\x02",
        "e\u0301" * 100,
        "𝕳𝖊𝖑𝖑𝖔",
        "[CLS] [SEP] [MASK]",
    ],
)
def test_unusual_text_gets_a_result(member, text):
    (result,) = member.analyze(text=text).json()["results"]
    assert len(result["scores"]) == LABELS
    assert all(0 <= score <= 1 for score in result["scores"].values())


def test_other_methods_are_405(member):
    response = member.client.get(URL)
    assert response.status_code == 405
    assert error_of(response)["code"] == "method_not_allowed"


def test_an_unknown_endpoint_has_the_same_error_shape(member):
    response = member.client.get("/api/v1/emotion/analyse")
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"
