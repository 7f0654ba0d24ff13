"""The client's address comes from a stated number of proxies"""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from accounts.addresses import client_address


def address(settings, proxies, remote, forwarded=None):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers))


def test_it_works(settings):
    assert address(settings, 1, "10.0.0.1", "203.0.113.9, 192.0.2.7") == "192.0.2.7"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "192.0.2.7", "10.0.0.1"),
        (1, None, "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (2, "203.0.113.9, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
        (3, "192.0.2.7", "192.0.2.7"),
        (1, "192.0.2.7:4711", "192.0.2.7"),
        (1, "[2001:db8::7]:4711", "2001:db8::7"),
        (1, "2001:DB8:0::7", "2001:db8::7"),
        (1, "::ffff:192.0.2.7", "192.0.2.7"),
        (1, "unknown", "0.0.0.0"),
        (1, "192.0.2.7'; DROP TABLE", "0.0.0.0"),
    ],
)
def test_only_what_a_proxy_wrote_counts(settings, proxies, forwarded, expected):
    assert address(settings, proxies, "10.0.0.1", forwarded) == expected


def test_a_socket_without_an_address_is_unknown(settings):
    assert address(settings, 0, "") == "0.0.0.0"
