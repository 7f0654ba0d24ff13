"""Mistakes in the configuration of the request log"""

from __future__ import annotations

from mlops.log.checks import kept_texts_check, spool_check, text_keys_check

KEY = "a" * 32


def test_it_works(settings):
    assert [*text_keys_check(None), *spool_check(None), *kept_texts_check(None)] == []


def test_keys_that_cannot_be_read_are_an_error(settings):
    settings.LOG_TEXT_KEYS = "1:short"
    (message,) = text_keys_check(None)
    assert message.id == "mlops.E030"
    assert "short" not in message.msg


def test_a_spool_that_cannot_be_written_is_an_error(settings, tmp_path):
    settings.LOG_SPOOL_DIR = tmp_path / "file" / "spool"
    (tmp_path / "file").write_text("in the way")
    assert [message.id for message in spool_check(None)] == ["mlops.E031"]


def test_kept_texts_without_a_key_of_their_own_are_a_warning(settings):
    settings.TEXT_LOGGING = "full"
    assert [message.id for message in kept_texts_check(None)] == ["mlops.W030"]
    settings.LOG_TEXT_KEYS = f"1:{KEY}"
    assert kept_texts_check(None) == []
