"""What can go wrong between an artifact folder and an answer."""

from __future__ import annotations

from typing import Any

from mlops.errors import CodedError


class ArtifactError(CodedError):
    """An artifact folder that will not be loaded; the version that serves stays."""

    code = "artifact_error"


class ArtifactCorruptError(ArtifactError):
    """A file is missing, changed or unreadable."""

    code = "artifact_corrupt"


class ArtifactIncompatibleError(ArtifactError):
    """The files are whole, but this release cannot use them."""

    code = "artifact_incompatible"


class TokenizerMissingError(ArtifactCorruptError):
    """No tokeniser beside the weights, or none that can be read."""

    code = "tokenizer_missing"


class LabelsMismatchError(ArtifactIncompatibleError):
    """The head has not as many outputs as there are labels."""

    code = "labels_mismatch"


class PickleRefusedError(ArtifactIncompatibleError):
    """Weights whose loading could run code."""

    code = "pickle_refused"


class NotFiniteError(ArtifactIncompatibleError):
    """The model answers with NaN or infinity."""

    code = "not_finite"


class InferenceError(CodedError):
    """Base of everything that stops a loaded model from answering one request."""

    code = "inference_failed"
    # The route by which the texts went, where somebody set it: whose failure it is.
    route: Any = None


class InvalidOutputError(InferenceError):
    """The model answered with NaN or infinity."""

    code = "invalid_output"


class QueueFullError(InferenceError):
    """The bounded queue has no room; nothing was computed."""

    code = "queue_full"


class DeadlineExceededError(InferenceError):
    """The request's time ran out before its texts were computed."""

    code = "deadline_exceeded"


class NotReadyError(InferenceError):
    """No model is loaded (yet)."""

    code = "not_ready"
