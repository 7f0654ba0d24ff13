"""What turns padded token ids into logits. The heavy imports live inside the loaders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops.inference.manifest import Manifest, ModelFormat

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
Device = Literal["auto", "cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How to run a model; the defaults suit whatever machine this is.

    ``threads`` = 0 means one for each core. ``precision`` "auto" means half precision
    on CUDA and fp32 elsewhere; it concerns the torch backend, an ONNX file has its own.
    """

    device: Device = "auto"
    threads: int = 0
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    compile: bool = False


class Backend(Protocol):
    """A loaded model. ``run`` may be called from ``lanes`` threads at a time."""

    device: str
    lanes: int

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """Logits ``(batch, labels)`` for token ids and mask, ``(batch, tokens)`` each."""
        ...


def backend_load(folder: Path, manifest: Manifest, options: RuntimeOptions) -> Backend:
    """The backend for the artifact's format.

    Raises:
        ArtifactError: if the model file cannot be loaded or its head does not fit the labels.
    """
    return _LOADERS[manifest.format](folder, manifest, options)


def _onnx(folder: Path, manifest: Manifest, options: RuntimeOptions) -> Backend:
    from mlops.inference.onnx_backend import OnnxBackend

    return OnnxBackend(folder, manifest, options)


def _torch(folder: Path, manifest: Manifest, options: RuntimeOptions) -> Backend:
    from mlops.inference.torch_backend import TorchBackend

    return TorchBackend(folder, manifest, options)


_LOADERS: dict[ModelFormat, Callable[[Path, Manifest, RuntimeOptions], Backend]] = {
    "onnx": _onnx,
    "safetensors": _torch,
}
