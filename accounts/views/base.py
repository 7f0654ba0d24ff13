"""What the views share: validation in, errors out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import serializers as drf
from rest_framework.fields import get_error_detail
from rest_framework.request import Request

from accounts.models import User
from config.common.serializers import StrictSerializer


def user_of(request: Request) -> User:
    """The authenticated user."""
    assert isinstance(request.user, User)
    return request.user


def validated(kind: type[StrictSerializer], data: object) -> dict[str, Any]:
    """The validated values of *data*.

    Raises:
        ValidationError: DRF's, naming each field that is wrong.
    """
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


@contextmanager
def as_api_errors() -> Iterator[None]:
    """What a service finds wrong, in the API's shape."""
    try:
        yield
    except ValidationError as error:
        raise drf.ValidationError(get_error_detail(error)) from error
