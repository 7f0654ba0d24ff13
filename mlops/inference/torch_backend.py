"""PyTorch: safetensors folders of Hugging Face shape, on CUDA, Apple MPS or CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from mlops.inference.architecture import MeanPooledBertForSequenceClassification
from mlops.inference.artifact import CONFIG_NAME
from mlops.inference.backends import FloatArray, IntArray, RuntimeOptions
from mlops.inference.errors import (
    ArtifactCorruptError,
    ArtifactIncompatibleError,
    LabelsMismatchError,
)
from mlops.inference.manifest import Manifest

_OWN = {cls.__name__: cls for cls in (MeanPooledBertForSequenceClassification,)}
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """One eager (or compiled) model in inference mode."""

    # One pass uses all of the device, or all threads.
    lanes = 1

    def __init__(self, folder: Path, manifest: Manifest, options: RuntimeOptions) -> None:
        self.device = device_pick(options.device)
        if options.threads:
            torch.set_num_threads(options.threads)
        model: Any = model_load(folder).eval()
        model = model.to(device=self.device, dtype=_dtype(options, self.device))
        if model.config.num_labels != len(manifest.labels):
            raise LabelsMismatchError(
                f"{folder}: the head has {model.config.num_labels} outputs, "
                f"the manifest {len(manifest.labels)} labels"
            )
        self._model = torch.compile(model, dynamic=True) if options.compile else model

    @torch.inference_mode()
    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        logits = self._model(
            input_ids=torch.from_numpy(input_ids).to(self.device),
            attention_mask=torch.from_numpy(attention_mask).to(self.device),
        ).logits
        result: FloatArray = logits.float().cpu().numpy()
        return result


def model_load(folder: Path) -> PreTrainedModel:
    """The fp32 model of *folder*: safetensors only, no remote code, no network.

    Raises:
        ArtifactCorruptError: if the weights or the configuration cannot be read.
        ArtifactIncompatibleError: if weights are missing for this architecture.
    """
    cls = _model_class(folder)
    try:
        model, report = cls.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # OSError, ValueError, SafetensorError and more, by version
        raise ArtifactCorruptError(f"{folder}: cannot be loaded: {error}") from error
    # transformers fills what is missing with noise; a model with a random head must not serve.
    if report["missing_keys"] or report["mismatched_keys"]:
        missing = sorted({*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])})
        raise ArtifactIncompatibleError(
            f"{folder}: no fitting weights for {', '.join(missing[:5])}"
        )
    loaded: PreTrainedModel = model
    return loaded


def device_pick(name: str = "auto") -> str:
    """*name*, or the best device present: CUDA, then Apple MPS, then CPU."""
    if name != "auto":
        return name
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _model_class(folder: Path) -> Any:
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactCorruptError(f"{folder / CONFIG_NAME}: cannot be read: {error}") from error
    names = config.get("architectures") or [""]
    return _OWN.get(names[0], AutoModelForSequenceClassification)


def _dtype(options: RuntimeOptions, device: str) -> torch.dtype:
    if options.precision != "auto":
        return _DTYPES[options.precision]
    return torch.float16 if device == "cuda" else torch.float32
