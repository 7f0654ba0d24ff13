"""What the views share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from rest_framework import serializers as drf
from rest_framework.fields import get_error_detail


@contextmanager
def as_api_errors() -> Iterator[None]:
    """What a service finds wrong, in the API's shape."""
    try:
        yield
    except ValidationError as error:
        raise drf.ValidationError(get_error_detail(error)) from error
