"""What can go wrong between an artifact folder and an answer."""

from __future__ import annotations


class ArtifactError(Exception):
    """An artifact folder that will not be loaded; the version that serves stays."""

    code = "artifact_error"


class ArtifactCorruptError(ArtifactError):
    """A file is missing, changed or unreadable."""

    code = "artifact_corrupt"


class ArtifactIncompatibleError(ArtifactError):
    """The files are whole, but this release cannot use them."""

    code = "artifact_incompatible"


class InferenceError(Exception):
    """Base of everything that stops a loaded model from answering one request."""

    code = "inference_failed"


class QueueFullError(InferenceError):
    """The bounded queue has no room; nothing was computed."""

    code = "queue_full"


class DeadlineExceededError(InferenceError):
    """The request's time ran out before its texts were computed."""

    code = "deadline_exceeded"


class NotReadyError(InferenceError):
    """No model is loaded (yet)."""

    code = "not_ready"
