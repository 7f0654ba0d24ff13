"""Versions that misbehave for real: one too large for its hour, one that fails on rare words."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import django
import numpy as np

from tests.soak.serving import manage

CHAMPION = "valence-minilm:2"
PRETRAINED = Path("emotions/pretrained")
# Encoder layers of 768 units: as many as it takes to be ten times as slow.
LAYERS = (12, 18, 24, 36)
MEASURED = 100


def slow_version(texts: Sequence[str], times: float) -> str:
    """An ONNX version, random weights, that takes *times* the champion's processor time a text."""
    champion = _milliseconds(CHAMPION, texts)
    for layers in LAYERS:
        name = f"slow-{layers}"
        if not _registered(name):
            with tempfile.TemporaryDirectory() as folder:
                _random_bert(Path(folder), layers)
                manage("register_model", folder, "--name", name)
            manage("export_onnx", f"{name}:1", "--precision", "fp32")
        slow = _milliseconds(f"{name}:2", texts)
        print(
            f"{name}:2 takes {slow:.1f} ms of one core a text, {CHAMPION} {champion:.2f} ms: "
            f"{slow / champion:.1f} times",
            flush=True,
        )
        if slow >= times * champion:
            return f"{name}:2"
    raise SystemExit(f"no version is {times:g} times as slow; add to LAYERS")


def fragile_version(texts: Sequence[str], share: float) -> str:
    """The champion in fp32 without the rarest words: ONNX Runtime fails on *share* of *texts*."""
    from mlops.inference.classifier import Classifier

    printed = manage("export_onnx", "valence-minilm:1", "--precision", "fp32", "--json")
    source = _folder(json.loads(printed)["version"])
    encoded = Classifier.load(source).encode(list(texts))
    rarest = [max(max(window) for window in each.windows) for each in encoded]
    rows = int(np.quantile(rarest, 1 - share))
    name = f"fragile-{rows}"
    failing = float(np.mean(np.array(rarest) >= rows))
    print(f"{name}: the first {rows} words of the table; {failing:.1%} of the texts need others")
    if not _registered(name):
        with tempfile.TemporaryDirectory() as folder:
            _cut(source, Path(folder), rows, name)
            manage("register_model", folder, "--name", name)
    return f"{name}:1"


def _random_bert(folder: Path, layers: int) -> None:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    shipped = json.loads((PRETRAINED / "config.json").read_text(encoding="utf-8"))
    torch.manual_seed(layers)
    config = BertConfig(
        vocab_size=shipped["vocab_size"],
        num_hidden_layers=layers,
        id2label={int(key): value for key, value in shipped["id2label"].items()},
        label2id=shipped["label2id"],
        problem_type="multi_label_classification",
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    shutil.copy(PRETRAINED / "tokenizer.json", folder)


def _cut(source: Path, target: Path, rows: int, name: str) -> None:
    """Copy *source* with the first *rows* of its word embeddings only."""
    import onnx
    from onnx import numpy_helper

    from mlops.inference.manifest import MANIFEST_NAME, manifest_read

    shutil.copytree(source, target, dirs_exist_ok=True)
    model = onnx.load(target / "model.onnx")
    words = json.loads((PRETRAINED / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    table = next(each for each in model.graph.initializer if each.dims and each.dims[0] == words)
    table.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(table)[:rows].copy(), table.name))
    (target / "model.onnx").unlink()  # may be a link to what must not change
    onnx.save(model, target / "model.onnx")
    manifest = manifest_read(target)
    files = {
        path: hashlib.sha256((target / path).read_bytes()).hexdigest() for path in manifest.files
    }
    changed = replace(manifest, name=name, files=files)
    (target / MANIFEST_NAME).unlink()
    (target / MANIFEST_NAME).write_text(changed.to_json(), encoding="utf-8")


def _milliseconds(name: str, texts: Sequence[str]) -> float:
    """Processor time of one core for a text alone; other programs do not change it much."""
    from mlops.inference.backends import RuntimeOptions
    from mlops.inference.classifier import Classifier

    classifier = Classifier.load(_folder(name), RuntimeOptions(device="cpu", threads=1))
    classifier.predict(texts[:5])
    started = time.process_time()
    for text in texts[:MEASURED]:
        classifier.predict([text])
    return (time.process_time() - started) * 1000 / len(texts[:MEASURED])


def _registered(name: str) -> bool:
    wanted = 2 if name.startswith("slow") else 1
    return len(json.loads(manage("list_models", "--name", name, "--json"))) >= wanted


def _folder(name: str) -> Path:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    from mlops.selectors import version_folder, version_named

    return version_folder(version_named(name))
