"""The engine on whatever device is here: by length, by batch, in bulk, from the cache."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emotions.answering import Loaded, route_make, texts_answer
from emotions.benchmarks.bare import direct_batch, direct_call, milliseconds, unique
from emotions.benchmarks.figures import Figure, Suite
from emotions.cache import ResultCache
from mlops.inference.backends import RuntimeOptions
from mlops.inference.batcher import Batcher, BatcherLimits
from mlops.inference.classifier import Classifier
from mlops.routing.table import Serving

ROUNDS = 5
BATCHES = (1, 4, 16, 64)
LENGTHS = (8, 16, 32, 64, 128)
SINGLES = 200
# What was asked for of an H200, in texts a second with tokenising, and in milliseconds.
GPU_TARGETS = {"embedded": "at least 20,000", "roberta-base": "at least 10,000"}
GPU_SINGLE = "under 3"


def engine_suite(
    folder: Path,
    options: RuntimeOptions,
    texts: Sequence[str],
    *,
    count: int,
    shape: str = "production",
) -> Suite:
    """The model of *folder* in this process, and *count* texts in bulk, tokenising included."""
    classifier = Classifier.load(folder, options)
    many = list(itertools.islice(itertools.cycle(texts), count))
    figures = [
        _by_length(classifier),
        _by_batch(classifier, many[:256]),
        _singles(classifier, texts),
        _bulk(classifier, folder, options, many, shape),
        _tokenising(classifier, many),
        _known(classifier, texts),
    ]
    return Suite("engine", _note(classifier, many, shape), figures)


def _note(classifier: Classifier, texts: Sequence[str], shape: str) -> str:
    tokens = sum(text.tokens for text in classifier.encode(texts)) / len(texts)
    batch = f"passes of up to {classifier.token_budget:,} positions"
    shapes = "in a few shapes" if classifier.widths else "in the shapes that come"
    return (
        f"Model: {shape}, {classifier.precision} on {_device_name(classifier.device)}, "
        f"{batch} {shapes}; {tokens:.1f} tokens a text. In this process, without HTTP."
    )


def _device_name(device: str) -> str:
    if device != "cuda":
        return device
    import torch

    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"


def _by_length(classifier: Classifier) -> Figure:
    series: dict[str, list[float]] = {f"{length} tokens": [] for length in LENGTHS}
    for number in range(30):
        for length in LENGTHS:
            # One word, one token; two more mark begin and end.
            text = f"{number} " + "word " * (length - 3)
            series[f"{length} tokens"].append(milliseconds(direct_call, classifier, text))
    return Figure("one text by length", "ms", {name: runs[5:] for name, runs in series.items()})


def _by_batch(classifier: Classifier, texts: Sequence[str]) -> Figure:
    series: dict[str, list[float]] = {f"batches of {size}": [] for size in BATCHES}
    for _ in range(ROUNDS):
        for size in BATCHES:
            took = milliseconds(_direct_batches, classifier, texts, size)
            series[f"batches of {size}"].append(took / len(texts))
    return Figure("a text within a batch", "ms", series)


def _singles(classifier: Classifier, texts: Sequence[str]) -> Figure:
    """One text after the other, tokenised and through the queue, none of them known."""
    batcher = _batcher(classifier)

    def ask(text: str) -> None:
        batcher.compute({text: classifier.encode([text])[0]}, 60.0)

    runs = [milliseconds(ask, text) for text in itertools.islice(unique(texts), SINGLES)]
    batcher.close()
    target = GPU_SINGLE if classifier.device == "cuda" else ""
    return Figure("one text through the queue", "ms", {"engine": runs}, target=target)


def _bulk(
    classifier: Classifier,
    folder: Path,
    options: RuntimeOptions,
    texts: Sequence[str],
    shape: str,
) -> Figure:
    """Texts a second; in buckets against batches as they come, where the device has buckets."""
    models = {"served": classifier}
    if classifier.widths:
        models["exact shapes, one lane"] = Classifier.load(folder, replace(options, shapes="exact"))
    series: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(ROUNDS):
        for name, model in models.items():
            series[name].append(1000 * len(texts) / milliseconds(model.predict, texts))
    names = [*models]
    ratio = (names[0], names[1]) if len(names) == 2 else None
    target = GPU_TARGETS.get(shape, "") if classifier.device == "cuda" else ""
    return Figure(f"{len(texts):,} texts, tokenised and scored", "texts/s", series, ratio, target)


def _tokenising(classifier: Classifier, texts: Sequence[str]) -> Figure:
    runs = [1000 * len(texts) / milliseconds(classifier.encode, texts) for _ in range(ROUNDS)]
    return Figure("tokenising them alone", "texts/s", {"engine": runs})


def _known(classifier: Classifier, texts: Sequence[str]) -> Figure:
    """A text that this process answered before: key, look-up, row."""
    cache = ResultCache(size=1000, shared=None, seconds=60, secret=b"benchmark")
    batcher = _batcher(classifier)
    route = route_make(
        Loaded(classifier, batcher), Serving(classifier.digest, Path()), pinned=False
    )
    some, runs = texts[:100], []
    texts_answer(route, cache, 60.0, some)
    for _ in range(50):
        took = milliseconds(lambda: [texts_answer(route, cache, 60.0, [text]) for text in some])
        runs.append(took / len(some) * 1000)
    batcher.close()
    return Figure("a known text within the engine", "us", {"engine": runs}, target="under 20")


def _batcher(classifier: Classifier) -> Batcher:
    limits = BatcherLimits(classifier.token_budget, 1000, classifier.lanes, classifier.widths)
    return Batcher(classifier.predict_packed, limits)


def _direct_batches(classifier: Classifier, texts: Sequence[str], size: int) -> None:
    for start in range(0, len(texts), size):
        direct_batch(classifier, texts[start : start + size])
