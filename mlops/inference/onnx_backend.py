"""ONNX Runtime: the default on CPU, and CUDA through its execution provider."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort

from mlops.inference.artifact import ONNX_NAME
from mlops.inference.backends import FloatArray, IntArray, RuntimeOptions
from mlops.inference.errors import (
    ArtifactCorruptError,
    ArtifactIncompatibleError,
    LabelsMismatchError,
)
from mlops.inference.manifest import Manifest
from mlops.inference.processor import products_are_exact

# Warnings and up would print a line per optimised node.
_LOG_ERRORS_ONLY = 3
# ONNX Runtime turns signed weights into unsigned ones, whose kernels add in 32 bits.
_EXACT_PRODUCTS = "session.x64quantprecision"


class OnnxBackend:
    """One session of ``model.onnx``."""

    widths: tuple[int, ...] = ()

    def __init__(self, folder: Path, manifest: Manifest, options: RuntimeOptions) -> None:
        path = folder / ONNX_NAME
        try:
            self._session = ort.InferenceSession(
                path, _session_options(manifest), providers=_providers(options, path)
            )
        except ArtifactIncompatibleError:
            raise
        except Exception as error:  # the runtime raises a family of its own without a public base
            raise ArtifactCorruptError(f"{path}: ONNX Runtime refused it: {error}") from error
        self.device = "cuda" if "CUDA" in self._session.get_providers()[0] else "cpu"
        # On a CPU passes side by side, one core each, do more than one pass on all cores: a short
        # text leaves a second core little to do but wait. A GPU runs one thing after the other.
        self.lanes = (options.threads or _cores()) if self.device == "cpu" else 1
        self.token_budget = options.budget(self.device)
        self.precision: str = manifest.precision
        self._outputs = [self._session.get_outputs()[0].name]
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._check_head(path, manifest)

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        if "token_type_ids" in self._inputs:
            # Not zeros_like, which is Python's and takes several times as long.
            feed["token_type_ids"] = np.zeros(input_ids.shape, input_ids.dtype)
        logits: FloatArray = self._session.run(self._outputs, feed)[0]
        return logits.astype(np.float32, copy=False)

    def rest(self) -> None:
        if self.device != "cpu":
            return
        shrink = ort.RunOptions()
        shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        token = np.ones((1, 1), dtype=np.int64)
        self._session.run(None, dict.fromkeys(self._inputs, token), shrink)

    def _check_head(self, path: Path, manifest: Manifest) -> None:
        width = self._session.get_outputs()[0].shape[-1]
        if isinstance(width, int) and width != len(manifest.labels):
            raise LabelsMismatchError(
                f"{path}: the head has {width} outputs, the manifest {len(manifest.labels)} labels"
            )


def on_cpu(options: RuntimeOptions) -> bool:
    """Whether sessions with *options* compute on the processor, in the threads that ask."""
    return not _has_cuda() or options.device not in ("auto", "cuda")


def _has_cuda() -> bool:
    return "CUDAExecutionProvider" in ort.get_available_providers()


def _session_options(manifest: Manifest) -> ort.SessionOptions:
    session = ort.SessionOptions()
    session.log_severity_level = _LOG_ERRORS_ONLY
    session.intra_op_num_threads = session.inter_op_num_threads = 1
    # A plan of memory for each new shape would be kept for ever, and gains nothing measurable.
    session.enable_mem_pattern = False
    if not (manifest.exact_sums or products_are_exact()):
        # On AVX2 and early AVX-512 two products are added in 16 bits, too few for large ones.
        session.add_session_config_entry(_EXACT_PRODUCTS, "1")
    return session


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _providers(options: RuntimeOptions, path: Path) -> list[str]:
    if options.device == "cuda" and not _has_cuda():
        available = ort.get_available_providers()
        raise ArtifactIncompatibleError(
            f"{path}: device 'cuda' was asked for, but this ONNX Runtime has {available}; "
            "install onnxruntime-gpu or use device 'auto'"
        )
    cpu = ["CPUExecutionProvider"]
    return cpu if on_cpu(options) else ["CUDAExecutionProvider", *cpu]
