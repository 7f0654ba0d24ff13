"""Environment variables are read with their type, and errors name them"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


def test_it_works(monkeypatch):
    monkeypatch.setenv("A", "5")
    assert env.number("A", 1) == 5
    assert env.number("UNSET", 1) == 1
    assert env.flag("UNSET", default=True)
    assert env.names("UNSET", ["x"]) == ["x"]


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("Yes", True), ("off", False)])
def test_flags(monkeypatch, value, expected):
    monkeypatch.setenv("A", value)
    assert env.flag("A") is expected


def test_lists_ignore_spaces_and_empty_parts(monkeypatch):
    monkeypatch.setenv("A", "a, b,,c ")
    assert env.names("A") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda: env.number("A", 1), "five"),
        (lambda: env.number("A", 1), "-1"),
        (lambda: env.number("A", 1, minimum=10), "9"),
        (lambda: env.flag("A"), "maybe"),
        (lambda: env.choice("A", "x", ("x", "y")), "z"),
        (lambda: env.seconds("A", 1), "0"),
        (lambda: env.seconds("A", 1), "nan"),
        (lambda: env.seconds("A", 1), "soon"),
    ],
)
def test_a_wrong_value_raises_with_its_name(monkeypatch, read, value):
    monkeypatch.setenv("A", value)
    with pytest.raises(ImproperlyConfigured, match=f"A='{value}': expected"):
        read()


def test_a_secret_may_lie_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("A_FILE", str(tmp_path / "secret"))
    assert env.secret("A", str) == "s3cret"
    monkeypatch.setenv("A", "direct")
    assert env.secret("A", str) == "direct"


def test_a_secret_file_that_is_missing_or_empty_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("A_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match=r"A_FILE=.*No such file"):
        env.secret("A", str)
    (tmp_path / "none").write_text(" ")
    with pytest.raises(ImproperlyConfigured, match="the file is empty"):
        env.secret("A", str)


def test_the_secret_key_is_made_once_and_for_the_owner_only(tmp_path):
    path: Path = tmp_path / "keys" / "secret-key"
    first = env.persisted_secret(path)
    assert env.persisted_secret(path) == first
    assert len(first) > 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
