"""One table from what the engine raises to what a caller sees."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException

from emotions.pins import PinsFullError, VersionLoadingError
from mlops.inference.errors import (
    DeadlineExceededError,
    InferenceError,
    InvalidOutputError,
    NotReadyError,
    QueueFullError,
)


class EngineError(APIException):
    """An engine error as an HTTP answer; ``wait`` becomes Retry-After."""

    def __init__(self, error: InferenceError) -> None:
        self.status_code, self.wait, detail = _ANSWERS[type(error)]
        super().__init__(detail, code=error.code)


# status, seconds for Retry-After, what the caller should know
_ANSWERS: dict[type[InferenceError], tuple[int, int | None, str]] = {
    QueueFullError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        1,
        "More texts are waiting than can be answered in time; try again shortly.",
    ),
    NotReadyError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        2,
        "The model is not loaded yet; /health/ready says why.",
    ),
    DeadlineExceededError: (
        status.HTTP_504_GATEWAY_TIMEOUT,
        None,
        "The answer took longer than this server's deadline; send fewer or shorter texts.",
    ),
    VersionLoadingError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        2,
        "The version named by `model` is not loaded yet; try again shortly.",
    ),
    PinsFullError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        60,
        "Callers pinned as many other versions as this server keeps loaded; try again later.",
    ),
    InvalidOutputError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        1,
        "The model gave no usable answer for this text; the failure was logged.",
    ),
    InferenceError: (
        status.HTTP_503_SERVICE_UNAVAILABLE,
        1,
        "The model failed on this text; the failure was logged with the request's id.",
    ),
}
