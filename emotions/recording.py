"""Answers into the request log; cached ones and failures, too."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from emotions.engine import Answer, Route, TextResult
from emotions.errors import EngineError
from mlops.api import (
    PLAIN,
    Caller,
    Document,
    Exposure,
    PredictionRequest,
    Stages,
    predictions_record,
)
from mlops.inference.errors import InferenceError
from mlops.routing.table import Caller as RoutedCaller


class Call(NamedTuple):
    """Who asks, and since when."""

    caller: Caller
    # What decides about the arm; None while no rollout runs.
    routed: RoutedCaller | None
    # The version that the caller asked for, or its key is pinned to.
    model: str
    started: float

    @property
    def milliseconds(self) -> float:
        """How long it took so far."""
        return (time.perf_counter() - self.started) * 1000


def answer_record(
    *, call: Call, answer: Answer, texts: Sequence[str], documents: Sequence[dict[str, Any]]
) -> list[str]:
    """Add a prediction for each of *texts*, presented as *documents*; their ids."""
    timings, route = answer.timings, answer.route
    request = PredictionRequest(
        call.caller,
        route.serving.digest,
        Stages(timings.queue, timings.infer, call.milliseconds),
        _exposure(route),
        labels=(list(route.labels), route.thresholds.tolist()) if route.label_map else None,
    )
    return predictions_record(
        request,
        # The answer may hold more results, those of sentences; the documents come first.
        [_document(*each) for each in zip(texts, answer.results, documents, strict=False)],
    )


def failure_record(*, call: Call, error: InferenceError, texts: Sequence[str], digest: str) -> None:
    """Add what no model answered."""
    status = EngineError(error).status_code
    route = error.route
    request = PredictionRequest(
        call.caller,
        route.serving.digest if route else digest,
        Stages(total=call.milliseconds),
        _exposure(route) if route else PLAIN,
    )
    predictions_record(
        request,
        [Document(text, None, status=status, error_code=error.code) for text in texts],
    )


def _exposure(route: Route) -> Exposure:
    if route.rollout is None or route.arm is None:
        return Exposure(pinned=True) if route.pinned else PLAIN
    return Exposure(route.rollout.id, route.arm.id, route.pinned)


def _document(
    text: str, result: TextResult | InferenceError, presented: dict[str, Any]
) -> Document:
    if isinstance(result, InferenceError):
        status = EngineError(result).status_code
        return Document(text, None, status=status, error_code=result.code)
    return Document(
        text,
        result.row,
        result.tokens,
        result.windows,
        result.unknown,
        presented["valence"],
        result.cached,
    )
