"""From safetensors to ONNX with optimum, checked against the parent before it is kept."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from optimum.exporters.onnx import export
from optimum.exporters.tasks import TasksManager
from transformers import PreTrainedModel

from mlops.inference.artifact import (
    CONFIG_NAME,
    ONNX_NAME,
    TOKENIZER_NAME,
    artifact_verify,
    artifact_write,
)
from mlops.inference.backends import Backend, RuntimeOptions
from mlops.inference.calibration import activate
from mlops.inference.manifest import Manifest, Precision
from mlops.inference.onnx_backend import OnnxBackend
from mlops.inference.tokenization import TextTokenizer
from mlops.inference.torch_backend import model_load

OPSET = 18
# Largest difference of a probability that is still the same model. int8 moves single
# probabilities by some points while metrics stay; fp32 differs by rounding only.
TOLERANCE: dict[str, float] = {"fp32": 1e-4, "int8": 0.20}
_PROBES = Path(__file__).parent / "probes.txt"


class ParityError(RuntimeError):
    """An export whose outputs are too far from its parent's."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences of probabilities between an export and its parent on the probe texts."""

    texts: int
    max_difference: float
    mean_difference: float
    top_label_agreement: float


def onnx_export(source: Path, target: Path, precision: Precision) -> dict[str, Any]:
    """Write the ONNX artifact *target* from the safetensors artifact *source*.

    Returns:
        The parity report, which the new manifest holds too.

    Raises:
        ArtifactError: if the source is damaged.
        ParityError: if the export is outside its tolerance; nothing is written then.
    """
    # Short texts one by one: a second thread would only wait for the first.
    torch.set_num_threads(1)
    parent = artifact_verify(source)
    model = model_load(source).eval()

    def fill(folder: Path) -> Manifest:
        for name in (TOKENIZER_NAME, CONFIG_NAME):
            shutil.copyfile(source / name, folder / name)
        _graph_write(model, folder / ONNX_NAME, precision)
        child = _child(parent, precision)
        parity = parity_measure(model, folder, child)
        if not parity.max_difference <= TOLERANCE[precision]:
            raise ParityError(
                f"{precision} export of {source}: a probability moved by "
                f"{parity.max_difference:.4f}, tolerated is {TOLERANCE[precision]}"
            )
        return replace(child, provenance={**child.provenance, "parity": asdict(parity)})

    manifest = artifact_write(target, parent, fill)
    report: dict[str, Any] = manifest.provenance["parity"]
    return report


def parity_measure(model: PreTrainedModel, folder: Path, manifest: Manifest) -> Parity:
    """Compare the graph in *folder* with *model*, text by text, on the probe texts."""
    texts = _PROBES.read_text(encoding="utf-8").splitlines()
    encoded = TextTokenizer(folder, manifest.max_length).encode(texts)
    graph: Backend = OnnxBackend(folder, manifest, RuntimeOptions(device="cpu"))
    expected, actual = [], []
    for text in encoded:
        ids = np.array([text.windows[0]], dtype=np.int64)
        mask = np.ones_like(ids)
        with torch.inference_mode():
            logits = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask))
        expected.append(activate(logits.logits.float().numpy(), manifest.activation)[0])
        actual.append(activate(graph.run(ids, mask), manifest.activation)[0])
    difference = np.abs(np.array(expected) - np.array(actual))
    same_top = np.argmax(expected, axis=1) == np.argmax(actual, axis=1)
    return Parity(
        texts=len(texts),
        max_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        top_label_agreement=float(same_top.mean()),
    )


def _graph_write(model: PreTrainedModel, path: Path, precision: Precision) -> None:
    constructor = TasksManager.get_exporter_config_constructor(
        exporter="onnx",
        model=model,
        task="text-classification",
        model_type=model.config.model_type,
        library_name="transformers",
    )
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / ONNX_NAME
        with warnings.catch_warnings():
            # The tracer remarks on constants of the attention mask that really are constant.
            warnings.simplefilter("ignore")
            export(model, constructor(model.config), plain, opset=OPSET)
        if precision == "int8":
            _quantize(plain, path)
        else:
            shutil.move(plain, path)


def _quantize(plain: Path, path: Path) -> None:
    """Dynamic int8: per channel, MatMul with constant weights and embedding look-ups only.

    Products of two activations (attention) stay in fp32: quantising them costs accuracy and
    gains nothing. The plain graph is quantised, not a fused one: it was the faster order.
    """
    import onnx
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    graph = onnx.load(plain).graph
    weights = {tensor.name for tensor in graph.initializer}
    of_activations = [
        node.name
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] not in weights
    ]
    quantizer = ORTQuantizer.from_pretrained(plain.parent, file_name=plain.name)
    config = AutoQuantizationConfig.avx512_vnni(
        is_static=False,
        per_channel=True,
        operators_to_quantize=["MatMul", "Gather"],
        nodes_to_exclude=of_activations,
    )
    saved = quantizer.quantize(save_dir=plain.parent, quantization_config=config)
    shutil.move(next(Path(saved).glob("*_quantized.onnx")), path)


def _child(parent: Manifest, precision: Precision) -> Manifest:
    versions = {name: package_version(name) for name in ("optimum-onnx", "onnxruntime", "torch")}
    exported = {"parent": parent.digest, "opset": OPSET, "exporter": "optimum-onnx", **versions}
    return replace(
        parent,
        format="onnx",
        precision=precision,
        provenance={**parent.provenance, "export": exported},
    )
