"""What the registry's services refuse, as answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework import status
from rest_framework.exceptions import APIException

from mlops.inference.errors import ArtifactError
from mlops.selectors import DatasetNotFoundError, VersionNotFoundError
from mlops.services.errors import ForceError, GateError, IllegalTransitionError
from mlops.services.evaluations import ComparisonError
from mlops.services.uploads import UploadTooLargeError
from mlops.training.data import DataFormatError

# The first that fits counts.
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (UploadTooLargeError, status.HTTP_413_REQUEST_ENTITY_TOO_LARGE),
    (ArtifactError, status.HTTP_400_BAD_REQUEST),
    (VersionNotFoundError, status.HTTP_404_NOT_FOUND),
    (DatasetNotFoundError, status.HTTP_404_NOT_FOUND),
    (ForceError, status.HTTP_403_FORBIDDEN),
    (GateError, status.HTTP_409_CONFLICT),
    (IllegalTransitionError, status.HTTP_409_CONFLICT),
    (ComparisonError, status.HTTP_409_CONFLICT),
    (DataFormatError, status.HTTP_400_BAD_REQUEST),
)


class RefusedError(APIException):
    """A service's own error, with its code."""

    def __init__(self, error: Exception, status_code: int) -> None:
        super().__init__(str(error), getattr(error, "code", "bad_data"))
        self.status_code = status_code


@contextmanager
def as_api_errors() -> Iterator[None]:
    """One table from error to status."""
    try:
        yield
    except tuple(kind for kind, _ in _STATUSES) as error:
        code = next(code for kind, code in _STATUSES if isinstance(error, kind))
        raise RefusedError(error, code) from error
