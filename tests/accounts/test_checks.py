"""Mistakes in the configuration have an id and a hint"""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings

from accounts import checks


def found(check, **options):
    messages = check(None, **options)
    assert all(message.hint for message in messages)
    return [message.id for message in messages]


def test_it_works(server):
    for check in (
        checks.peppers_check,
        checks.signing_keys_check,
        checks.rates_check,
        checks.registration_check,
        checks.store_check,
    ):
        assert found(check) == []
    assert found(checks.tiers_check, databases=["default"]) == []


@pytest.mark.parametrize(
    "value", ["secret", "1:short", "x:long-enough-secret", "1:" + "a" * 16 + ",1:" + "b" * 16]
)
def test_peppers_that_cannot_be_read(settings, value):
    settings.API_KEY_PEPPERS = value
    assert found(checks.peppers_check) == ["accounts.E001"]


@pytest.mark.parametrize("value", ["", "1:only-20-characters", f"1:{django_settings.SECRET_KEY}"])
def test_signing_keys_that_cannot_be_used(settings, value):
    settings.JWT_SIGNING_KEYS = value
    assert found(checks.signing_keys_check) == ["accounts.E002"]


@pytest.mark.parametrize("value", ["60", "0/m", "many/m", "60/w"])
def test_rates_that_cannot_be_read(settings, value):
    settings.LOGIN_RATE = value
    assert found(checks.rates_check) == ["accounts.E003"]


def test_registration_without_mail(settings):
    settings.REGISTRATION = True
    settings.EMAIL_BACKEND = checks.SMTP
    assert found(checks.registration_check) == ["accounts.E004"]


def test_a_default_tier_that_does_not_exist(server, settings):
    settings.DEFAULT_TIER = "gold"
    assert found(checks.tiers_check, databases=["default"]) == ["accounts.E005"]


def test_several_processes_without_a_shared_counter(settings):
    settings.WORKERS, settings.REDIS_URL = 4, ""
    assert found(checks.store_check) == ["accounts.W001"]
