"""No secret is left behind anywhere: runs last, over what all tests did"""

from __future__ import annotations

import logging
import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection

from accounts.keys import PATTERN, ParsedKey, checksum_valid
from accounts.models import Usage
from accounts.redaction import RedactingFormatter, redact
from accounts.services import api_key_create
from tests.accounts.conftest import PASSWORD, error_of, login
from tests.conftest import server_stop

JWT = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]+\.[\w-]+")


def leaks(text: str) -> list[str]:
    """Whole keys, whole tokens and the tests' password in *text*."""
    keys = [ParsedKey(*match.groups()) for match in PATTERN.finditer(text)]
    found = [key.plaintext for key in keys if checksum_valid(key)]
    return found + JWT.findall(text) + ([PASSWORD] if PASSWORD in text else [])


def test_it_works(peer, person):
    _, key = api_key_create(user=person(), name="tests")
    token = login(peer, person())["access"]
    assert leaks(f"({key}) and {token}") == [key, token]
    assert leaks(redact(f"({key}) and {token}")) == []


def test_no_log_line_holds_a_secret(server, peer):
    for running in (server, peer):
        text = running.log.read_text(errors="replace")
        shown = re.findall(r"API key +(\S+)|Api-Key (\S+)'", text)
        once = {part for parts in shown for part in parts if part}
        assert set(leaks(text)) <= once  # the first admin's, printed at set-up
        assert len(text) > 0


def test_no_column_of_any_table_holds_a_secret(server, peer):
    looked_at = 0
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(f"SELECT * FROM {table}")
            for row in cursor:
                looked_at += 1
                assert leaks(repr(row)) == [], model
    assert looked_at > 100


def test_no_admin_page_holds_a_secret(server, person, admin_of, rf):
    api_key_create(user=person(), name="tests")
    boss = admin_of(person(is_superuser=True))
    for model, pages in admin.site._registry.items():
        url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        page = boss.get(url)
        assert page.status_code == 200, url
        assert leaks(page.text) == [], url
        first = pages.get_queryset(rf.get(url)).first()
        if first is not None:
            detail = boss.get(f"{url}{first.pk}/change/")
            assert detail.status_code == 200, url
            assert leaks(detail.text) == [], url


@pytest.mark.parametrize("path", ["/api/v1/me/", "/api/v1/nothing/"])
def test_no_error_repeats_the_credential(server, person, connect, path):
    _, key = api_key_create(user=person(), name="tests")
    wrong = key[:-9] + "x" * 9
    response = connect(server, wrong).get(path, params={"key": key})
    assert error_of(response)
    assert wrong not in response.text
    assert leaks(response.text) == []


def test_a_traceback_is_redacted_as_well(server, person):
    row, key = api_key_create(user=person(), name="tests")
    error = (ValueError, ValueError(key), None)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed with %s", (key,), error)
    text = RedactingFormatter("%(message)s").format(record)
    assert leaks(text) == []
    assert f"val_{row.lookup_id}_[redacted]" in text


def test_a_server_that_stops_writes_what_it_counted(peer, person, connect):
    """Here because nothing comes after it: the second server ends."""
    user = person()
    _, key = api_key_create(user=user, name="tests")
    client = connect(peer, key)
    assert client.post("/api/v1/emotions/analyze", json={"text": "the last"}).status_code == 200
    server_stop(peer)
    assert Usage.objects.get(user=user).documents == 1
