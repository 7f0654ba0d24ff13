"""What the views of models, rollouts and feedback share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ErrorDetail
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api import user_of
from config.common.serializers import StrictSerializer, validated
from mlops.errors import CodedError
from mlops.export.options import ExportOptionsError
from mlops.inference.errors import (
    ArtifactCorruptError,
    ArtifactError,
    ArtifactIncompatibleError,
)
from mlops.log.pressure import LogBehindError
from mlops.rollouts.errors import (
    FeedbackNotFoundError,
    FeedbackTwiceError,
    RolloutConflictError,
)
from mlops.rollouts.pins import KeyNotFoundError
from mlops.selectors import DatasetNotFoundError, VersionNotFoundError
from mlops.services.errors import ForceError, IllegalTransitionError
from mlops.services.evaluations import ComparisonError
from mlops.services.uploads import UploadTooLargeError

# Until what is unavailable now may be asked for again.
WAIT_SECONDS = 60
# The first that fits counts; what is not here is a mistake in what was sent.
_STATUSES: tuple[tuple[type[CodedError], int], ...] = (
    (LogBehindError, status.HTTP_503_SERVICE_UNAVAILABLE),
    (UploadTooLargeError, status.HTTP_413_REQUEST_ENTITY_TOO_LARGE),
    (VersionNotFoundError, status.HTTP_404_NOT_FOUND),
    (DatasetNotFoundError, status.HTTP_404_NOT_FOUND),
    (FeedbackNotFoundError, status.HTTP_404_NOT_FOUND),
    (KeyNotFoundError, status.HTTP_404_NOT_FOUND),
    (ForceError, status.HTTP_403_FORBIDDEN),
    (IllegalTransitionError, status.HTTP_409_CONFLICT),
    (ComparisonError, status.HTTP_409_CONFLICT),
    (RolloutConflictError, status.HTTP_409_CONFLICT),
    (FeedbackTwiceError, status.HTTP_409_CONFLICT),
    (ExportOptionsError, status.HTTP_400_BAD_REQUEST),
    # Of a version that is kept here: what is sent, a job looks at.
    (ArtifactCorruptError, status.HTTP_409_CONFLICT),
    (ArtifactIncompatibleError, status.HTTP_409_CONFLICT),
    (ArtifactError, status.HTTP_400_BAD_REQUEST),
)


class RefusedError(APIException):
    """A service's own error, with its code."""

    def __init__(self, error: CodedError, status_code: int) -> None:
        super().__init__(str(error), error.code)
        self.status_code = status_code
        if status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
            self.wait = WAIT_SECONDS  # becomes Retry-After


@contextmanager
def as_api_errors() -> Iterator[None]:
    """One table from what services refuse to what callers see."""
    try:
        yield
    except CodedError as error:
        for kind, code in _STATUSES:
            if isinstance(error, kind):
                raise RefusedError(error, code) from error
        detail = [ErrorDetail(str(error), code=error.code)]
        field = error.field
        raise serializers.ValidationError({field: detail} if field else detail) from error


class OperationsView(APIView):
    """Reading needs ``models:read``, changing ``models:write``."""

    @property
    def required_scopes(self) -> tuple[str, ...]:
        """By the method."""
        reads = self.request is None or self.request.method in ("GET", "HEAD", "OPTIONS")
        return ("models:read",) if reads else ("models:write",)


def service_call(
    request: Request, service: Callable[..., Any], body: type[StrictSerializer], **target: Any
) -> Any:
    """What *service* returns for *target*, the values of the validated body and who asks."""
    data = validated(body, request.data)
    with as_api_errors():
        return service(**target, **data, actor=user_of(request))
