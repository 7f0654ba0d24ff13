"""The way of an analysis: validate, ask the engine, present."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import ValidationError

from emotions import metrics
from emotions.engine import Answer, TextResult, engine
from emotions.errors import EngineError
from emotions.limits import MAX_SENTENCES
from emotions.presentation import Presentation, Presented
from emotions.recording import Call, answer_record, failure_record
from emotions.sentences import Sentence, sentences_split
from emotions.serializers import TextProblem
from mlops.api import VersionNotFoundError
from mlops.inference.classifier import Classifier
from mlops.inference.errors import InferenceError, NotReadyError


def texts_analyze(
    *, texts: Sequence[str | TextProblem], presentation: Presentation, call: Call
) -> tuple[dict[str, Any], Classifier]:
    """The body of the answer, and the model that gave it. Bad texts get an error in their place.

    Raises:
        EngineError: if the engine cannot answer at all.
        ValidationError: for more sentences than one request may hold.
    """
    good = [text for text in texts if isinstance(text, str)]
    sentences = _sentences(good) if presentation.granularity == "sentence" else []
    try:
        answer = engine.analyze(
            [*good, *(part.text for parts in sentences for part in parts)],
            call.routed,
            model=call.model,
        )
    except VersionNotFoundError as error:
        raise ValidationError({"model": [str(error)]}, code="model_unknown") from error
    except InferenceError as error:
        failure_record(call=call, error=error, texts=good, digest=_digest())
        raise EngineError(error) from error
    items = iter(_presented(answer, presentation))
    documents = [next(items) for _ in good]
    for document, parts in zip(documents, sentences, strict=bool(sentences)):
        placed = [_placed(part, next(items)) for part in parts]
        if "error" not in document:
            document["sentences"] = placed
    _count(documents, answer.classifier)
    ids = answer_record(call=call, answer=answer, texts=good, documents=documents)
    engine.shadow(answer, call.caller, good)
    for document, key in zip(documents, ids, strict=True):
        document["id"] = key
    results = _merged(texts, documents)
    return {"results": results, "meta": _meta(answer)}, answer.classifier


def text_analyze(
    *, text: str, presentation: Presentation, call: Call
) -> tuple[dict[str, Any], Classifier]:
    """As ``texts_analyze`` for a single text, whose failure fails the request.

    Raises:
        EngineError: if the model fails on it.
    """
    body, classifier = texts_analyze(texts=[text], presentation=presentation, call=call)
    if "error" in body["results"][0]:
        raise EngineError(InferenceError(body["results"][0]["error"]["detail"]))
    return body, classifier


def _digest() -> str:
    """The version in production, as far as one is loaded."""
    try:
        return engine.classifier.digest
    except NotReadyError:
        return ""


def _sentences(texts: Sequence[str]) -> list[list[Sentence]]:
    sentences = [sentences_split(text) for text in texts]
    count = sum(map(len, sentences))
    if count > MAX_SENTENCES:
        detail = f"The texts hold {count:,} sentences; at most {MAX_SENTENCES:,} are allowed."
        raise ValidationError({"granularity": [detail]}, code="too_many_sentences")
    return sentences


def _presented(answer: Answer, presentation: Presentation) -> list[dict[str, Any]]:
    presenter = answer.route.presenter(presentation)
    done = [result for result in answer.results if isinstance(result, TextResult)]
    rows = presenter.present_packed([result.row for result in done])
    presented = iter(zip(rows, done, strict=True))
    return [
        _error(result) if isinstance(result, InferenceError) else _result(*next(presented))
        for result in answer.results
    ]


def _result(row: Presented, result: TextResult) -> dict[str, Any]:
    return {
        **row.as_dict(),
        "tokens": result.tokens,
        "windows": result.windows,
        "cached": result.cached,
    }


def _error(error: InferenceError) -> dict[str, Any]:
    return {"error": {"code": error.code, "detail": EngineError(error).detail}}


def _placed(sentence: Sentence, item: dict[str, Any]) -> dict[str, Any]:
    return {"start": sentence.start, "end": sentence.end, **item}


def _merged(
    texts: Sequence[str | TextProblem], documents: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Results and errors by index."""
    remaining = iter(documents)
    results = []
    for index, text in enumerate(texts):
        if isinstance(text, TextProblem):
            item: dict[str, Any] = {"error": {"code": text.code, "detail": text.detail}}
        else:
            item = next(remaining)
        if "error" in item:
            item["error"]["attr"] = f"texts.{index}"
        results.append({"index": index, **item})
    return results


def _meta(answer: Answer) -> dict[str, Any]:
    timings = answer.timings
    return {
        "model": model_reference(answer.classifier),
        "timings_ms": {
            "tokenise": _whole_microseconds(timings.tokenise),
            "queue": _whole_microseconds(timings.queue),
            "infer": _whole_microseconds(timings.infer),
        },
        "cached": sum([isinstance(each, TextResult) and each.cached for each in answer.results]),
    }


def _whole_microseconds(milliseconds: float) -> float:
    # round() writes the number down in decimal and reads it again.
    return int(milliseconds * 1000 + 0.5) / 1000


def model_reference(classifier: Classifier) -> dict[str, str]:
    """Name, version and digest: which model answered."""
    manifest = classifier.manifest
    return {"name": manifest.name, "version": manifest.version, "digest": classifier.digest}


def _count(documents: Sequence[dict[str, Any]], classifier: Classifier) -> None:
    emotions = [each["dominant"]["label"] for each in documents if "dominant" in each]
    metrics.predictions_count(emotions, classifier.manifest.version)
