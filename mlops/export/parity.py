"""How far an export is from its parent, on texts that people might write."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from mlops.evaluation import metrics
from mlops.evaluation.alignment import Alignment, labels_align
from mlops.evaluation.datasets import dataset_labels, dataset_read
from mlops.inference.artifact import ONNX_NAME, SAFETENSORS_NAME
from mlops.inference.backends import FloatArray, RuntimeOptions
from mlops.inference.calibration import Calibrator, activate
from mlops.inference.manifest import Manifest
from mlops.inference.onnx_backend import OnnxBackend
from mlops.inference.tokenization import TextTokenizer
from mlops.training.data import DataFormatError

PROBES = Path(__file__).parent / "probes.csv"


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts to compare on; ours ship with the product.

    ``label_map`` gives the product's name of a label of the file, where they differ.
    """

    file: Path = PROBES
    labels: Sequence[str] = ()
    label_map: Mapping[str, str] = field(default_factory=dict)
    limit: int = 1000


def probe_windows(source: Path, max_length: int) -> list[tuple[int, ...]]:
    """The probes as the token ids that *source*'s tokeniser makes of them."""
    texts = dataset_read(PROBES, dataset_labels(PROBES)).texts
    encoded = TextTokenizer(source, max_length).encode(texts)
    return [window for text in encoded for window in text.windows]


def parity_measure(
    model: PreTrainedModel, source: Path, folder: Path, manifest: Manifest, texts: Texts
) -> dict[str, Any]:
    """The report: texts one by one through *model* and through the graph in *folder*, in turn.

    Latencies are those of single texts on one thread, so the ratio holds where nothing batches.
    """
    names = list(texts.labels) or dataset_labels(texts.file)
    data = dataset_read(texts.file, names)
    shared = _shared(manifest, names, texts.label_map)
    expected, actual, seconds = _outputs(model, folder, manifest, data.texts[: texts.limit])
    difference = np.abs(expected - actual)
    truth = data.targets[: texts.limit] > 0.5
    same_top = expected.argmax(axis=1) == actual.argmax(axis=1)
    own, parents = np.median(seconds, axis=0)
    return {
        "texts": len(expected),
        "max_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "top_label_agreement": float(same_top.mean()),
        **_f1(expected, actual, manifest, shared, truth),
        "size_ratio": round(_size(folder, ONNX_NAME) / _size(source, SAFETENSORS_NAME), 3),
        "latency_ratio": round(float(own / parents), 3),
    }


def _outputs(
    model: PreTrainedModel, folder: Path, manifest: Manifest, texts: Sequence[str]
) -> tuple[FloatArray, FloatArray, NDArray[np.float64]]:
    graph = OnnxBackend(folder, manifest, RuntimeOptions(device="cpu", threads=1))
    expected, actual, seconds = [], [], []
    for text in TextTokenizer(folder, manifest.max_length).encode(texts):
        ids = np.array([text.windows[0]], dtype=np.int64)
        mask = np.ones_like(ids)
        start = time.perf_counter()
        answer = graph.run(ids, mask)
        middle = time.perf_counter()
        with torch.inference_mode():
            parents = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        seconds.append((middle - start, time.perf_counter() - middle))
        actual.append(activate(answer, manifest.activation)[0])
        expected.append(activate(parents.logits.float().numpy(), manifest.activation)[0])
    return np.array(expected), np.array(actual), np.array(seconds)


def _shared(
    manifest: Manifest, names: Sequence[str], label_map: Mapping[str, str]
) -> Alignment | None:
    try:
        return labels_align(manifest.product_labels, names, label_map)
    except DataFormatError:
        return None


def _f1(
    expected: FloatArray,
    actual: FloatArray,
    manifest: Manifest,
    shared: Alignment | None,
    truth: NDArray[np.bool_],
) -> dict[str, float | None]:
    """Macro-F1 of parent and export over the labels that occur; None where none is the model's."""
    if shared is None:
        return {"f1_macro_parent": None, "f1_macro": None, "f1_macro_change": None}
    calibrator = Calibrator(manifest)
    figures = []
    for raw in (expected, actual):
        scored = shared.scored(calibrator.apply(raw), calibrator.thresholds, truth)
        occurs = scored.actual.any(axis=0)
        figures.append(metrics.f1_macro(scored.predicted[:, occurs], scored.actual[:, occurs]))
    parent, own = figures
    return {
        "f1_macro_parent": round(parent, 4),
        "f1_macro": round(own, 4),
        "f1_macro_change": round(own - parent, 4),
    }


def _size(folder: Path, name: str) -> int:
    """Bytes of the weights; those of a sharded checkpoint together."""
    return sum(path.stat().st_size for path in folder.glob(f"*{Path(name).suffix}"))
