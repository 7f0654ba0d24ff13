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
Shapes = Literal["auto", "exact", "buckets"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]
# Token positions per forward pass. On a CPU core a position costs the same from 256 up, and
# every further text is padded to a longer one; a GPU is far from full there.
CPU_BUDGET, GPU_BUDGET = 256, 16_384


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How to run a model; the defaults suit whatever machine this is.

    ``threads`` = 0 means one for each core. ``precision`` "auto" means half precision
    on CUDA and fp32 elsewhere. ``shapes`` "auto" means buckets on CUDA and MPS, and batches as
    they come on a CPU, which would compute the padding for nothing. Both concern the torch
    backend; an ONNX file has its own precision and takes any shape. ``token_budget`` = 0 means
    what suits the device.
    """

    device: Device = "auto"
    threads: int = 0
    precision: Precision = "auto"
    compile: bool = False
    shapes: Shapes = "auto"
    token_budget: int = 0

    def budget(self, device: str) -> int:
        """Token positions per forward pass on *device*."""
        return self.token_budget or (CPU_BUDGET if device == "cpu" else GPU_BUDGET)

    def bucketed(self, device: str) -> bool:
        """Whether batches on *device* are padded to one of a few shapes."""
        return self.shapes == "buckets" or (self.shapes == "auto" and device != "cpu")


class Backend(Protocol):
    """A loaded model. ``run`` may be called from ``lanes`` threads at a time.

    A batch is best of up to ``token_budget`` positions. Where ``widths`` are given, it is padded to
    the next of them.
    """

    device: str
    precision: str
    lanes: int
    token_budget: int
    widths: tuple[int, ...]

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """Logits ``(batch, labels)`` for token ids and mask, ``(batch, tokens)`` each."""
        ...

    def rest(self) -> None:
        """Give back the working memory of past passes; the next ones take it anew."""
        ...


def survives_fork(manifest: Manifest, options: RuntimeOptions) -> bool:
    """Whether a process may fork after it has loaded this: neither threads nor a device go lost."""
    if manifest.format == "safetensors":
        return False
    from mlops.inference.onnx_backend import on_cpu

    return on_cpu(options)


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
