"""PyTorch: safetensors folders of Hugging Face shape, on CUDA, Apple MPS or CPU."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from mlops.inference.architecture import MeanPooledBertForSequenceClassification
from mlops.inference.artifact import CONFIG_NAME
from mlops.inference.backends import FloatArray, IntArray, RuntimeOptions
from mlops.inference.buckets import Buckets
from mlops.inference.errors import (
    ArtifactCorruptError,
    ArtifactIncompatibleError,
    LabelsMismatchError,
)
from mlops.inference.launchers import launcher_for
from mlops.inference.manifest import Manifest
from mlops.inference.torch_runner import LANES, BucketRunner

_OWN = {cls.__name__: cls for cls in (MeanPooledBertForSequenceClassification,)}
# The types of model that ask whether a mask is all ones; the first take one of three dimensions.
_THREE_DIMENSIONS = ("bert", "camembert", "roberta", "xlm-roberta")
_ASKING = ("distilbert",)
_HALF_CAPABILITY = 7
logger = logging.getLogger(__name__)
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """One model in inference mode: in buckets on a GPU, in the shapes that come on a CPU."""

    def __init__(self, folder: Path, manifest: Manifest, options: RuntimeOptions) -> None:
        self.device = device_pick(options.device)
        self.token_budget = options.budget(self.device)
        if options.threads:
            torch.set_num_threads(options.threads)
        bucketed = options.bucketed(self.device)
        dtypes = _dtypes(options.precision, self.device)
        model = _model_cast(folder, self.device, dtypes, asking=not bucketed)
        self.precision = next(name for name, dtype in _DTYPES.items() if dtype is model.dtype)
        if model.config.num_labels != len(manifest.labels):
            raise LabelsMismatchError(
                f"{folder}: the head has {model.config.num_labels} outputs, "
                f"the manifest {len(manifest.labels)} labels"
            )
        self._model = torch.compile(model, dynamic=True) if options.compile else model
        self._runner: BucketRunner | None = None
        # One pass uses all of the device, or all threads.
        self.lanes = 1
        self.widths: tuple[int, ...] = ()
        if bucketed:
            self._bucket(model, Buckets(manifest.max_length, self.token_budget))

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        if self._runner:
            return self._runner.run(input_ids, attention_mask)
        return self._exact(input_ids, attention_mask)

    def rest(self) -> None:
        """Nothing: PyTorch's memory is given back as soon as a version is let go."""

    @torch.inference_mode()
    def _exact(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        ids, mask = (torch.from_numpy(each).to(self.device) for each in (input_ids, attention_mask))
        result: FloatArray = self._logits(ids, mask).float().cpu().numpy()
        return result

    def _logits(self, ids: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self._model(input_ids=ids, attention_mask=mask).logits
        return logits

    def _bucket(self, model: Any, buckets: Buckets) -> None:
        pad_id = getattr(model.config, "pad_token_id", None) or 0
        launcher = launcher_for(self.device)
        self._runner = BucketRunner(self._logits, buckets, launcher, self.device, pad_id)
        self.lanes, self.widths = LANES, buckets.widths


def model_load(folder: Path, *, asking: bool = True) -> PreTrainedModel:
    """The fp32 model of *folder*: safetensors only, no remote code, no network.

    transformers leaves out a mask that hides nothing. To know it, the host waits for the device
    in every pass, and a pass that waits cannot be recorded. Where not *asking*, the mask is
    given in three dimensions, which are taken as they are; to a model that takes none, plain
    attention, which does not ask.

    Raises:
        ArtifactCorruptError: if the weights or the configuration cannot be read.
        ArtifactIncompatibleError: if weights are missing for this architecture.
    """
    config = _config(folder)
    names = config.get("architectures") or [""]
    cls: Any = _OWN.get(names[0], AutoModelForSequenceClassification)
    plain = not asking and config.get("model_type") in _ASKING
    try:
        model, report = cls.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **({"attn_implementation": "eager"} if plain else {}),
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
    if not asking and config.get("model_type") in _THREE_DIMENSIONS:
        loaded.base_model.register_forward_pre_hook(_mask_deepen, with_kwargs=True)
    return loaded


def device_pick(name: str = "auto") -> str:
    """*name*, or the best device present: CUDA, then Apple MPS, then CPU.

    Raises:
        ArtifactIncompatibleError: if *name* is a device that PyTorch does not see here.
    """
    present = [
        *(["cuda"] if torch.cuda.is_available() else []),
        *(["mps"] if torch.backends.mps.is_available() else []),
        "cpu",
    ]
    if name == "auto":
        return present[0]
    if name not in present:
        raise ArtifactIncompatibleError(
            f"device {name!r} was asked for, but PyTorch {torch.__version__} sees only "
            f"{', '.join(present)} here; use one of them or 'auto'"
        )
    return name


def _mask_deepen(
    _: Any, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, {**named, "attention_mask": named["attention_mask"][:, None, :]}


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactCorruptError(f"{folder / CONFIG_NAME}: cannot be read: {error}") from error
    return config


def _model_cast(folder: Path, device: str, dtypes: Sequence[torch.dtype], *, asking: bool) -> Any:
    """The model in the first of *dtypes* that has room for its numbers, else in the last."""
    for dtype in dtypes:
        model: Any = model_load(folder, asking=asking).eval()
        model = model.to(device=device, dtype=dtype)
        if dtype is dtypes[-1] or _finite(model, device):
            break
        logger.warning("%s overflows in %s; the next precision is tried", folder, dtype)
    return model


@torch.inference_mode()
def _finite(model: Any, device: str) -> bool:
    # Any vocabulary has that many ids, any model that many positions.
    ids = torch.arange(8, device=device)[None] % 5
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    return bool(torch.isfinite(logits).all())


def _dtypes(precision: str, device: str) -> tuple[torch.dtype, ...]:
    """What to try, in order: fp16 rounds less than bf16, which holds larger numbers."""
    if precision != "auto":
        return (_DTYPES[precision],)
    # Before Volta half precision is slower than full.
    if device == "cuda" and torch.cuda.get_device_capability()[0] >= _HALF_CAPABILITY:
        return torch.float16, torch.bfloat16, torch.float32
    return (torch.float32,)
