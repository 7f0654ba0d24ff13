"""A call of the analysis, from its JSON to the body of the answer; by whichever way it comes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from accounts.api import Asked
from config.common.logs import request_id
from emotions import services
from emotions.callers import model_asked, routed_caller
from emotions.engine import engine
from emotions.presentation import Presentation
from emotions.recording import Call
from emotions.serializers import AnalyzeRequestSerializer
from mlops.api import caller_of

# Made once: validation changes nothing in it, and copying its fields costs more than using them.
_REQUEST = AnalyzeRequestSerializer()
_FAILURE = "valence.failure"
Options = dict[str, Any]


def request_validate(data: object) -> Options:
    """The options of a request with their defaults.

    Raises:
        ValidationError: naming every field that is wrong.
    """
    options: Options = _REQUEST.run_validation(data)
    return options


def texts_of(options: Options) -> Sequence[object]:
    """What counts as documents."""
    return options["texts"] if "texts" in options else (options["text"],)


def request_answer(request: Asked, options: Options, started: float) -> tuple[dict[str, Any], str]:
    """The body, and the version that gave it as a header says it.

    Raises:
        EngineError: if the engine cannot answer.
        ValidationError: for a version that is not known, or for too many sentences.
        ScopeMissingError: if the caller may not name a version.
    """
    subject = options.get("subject", "")
    call = Call(
        caller_of(request, subject=subject, store=options.get("store", True)),
        routed_caller(request, subject) if engine.routed else None,
        model_asked(request, options.get("model", "")),
        started,
    )
    presentation = Presentation(
        taxonomy=options["taxonomy"],
        granularity=options["granularity"],
        threshold=options.get("threshold"),
        top_k=options.get("top_k"),
    )
    if "text" in options:
        body, classifier = services.text_analyze(
            text=options["text"], presentation=presentation, call=call
        )
    else:
        body, classifier = services.texts_analyze(
            texts=options["texts"], presentation=presentation, call=call
        )
    manifest = classifier.manifest
    return body, _version(manifest.name, manifest.version, classifier.digest)


def failure_keep(request: Asked, error: Exception) -> None:
    """Leave *error* to whoever answers *request* next, under the id that the log has it under."""
    request.META |= {_FAILURE: error, "HTTP_X_REQUEST_ID": request_id.get()}


def failure_raise(request: Asked) -> None:
    """Raise what was kept, if anything was."""
    failure = request.META.get(_FAILURE)
    if failure is not None:
        raise failure


@lru_cache(maxsize=64)
def _version(name: str, version: str, digest: str) -> str:
    return f"{name}/{version}@{digest[:12]}"
