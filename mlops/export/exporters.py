"""From a model in memory to a plain ONNX graph: one interface, an implementation per library.

A target that is not an ONNX file (a TensorRT engine, a model behind the Open Inference Protocol)
has its place beside these: an exporter that writes its own file, and a backend that runs it, under
a format of its own in the manifest. ``docs/registry.md`` says how.
"""

from __future__ import annotations

import importlib.util
import warnings
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, Protocol

from transformers import PreTrainedModel

from mlops.export.options import ExportOptionsError


class Exporter(Protocol):
    """Writes graphs whose inputs are token ids and mask, with batch and length left open."""

    @property
    def name(self) -> str:
        """As commands and manifests call it."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """What takes part, for the record."""
        ...

    def missing(self) -> str:
        """What must be installed first; empty if nothing."""
        ...

    def graph_write(self, model: PreTrainedModel, path: Path, opset: int) -> None:
        """Write the fp32 graph of *model* to *path*, one file."""
        ...


class OptimumExporter:
    """optimum-onnx: traces the model with inputs that it knows for each architecture."""

    name = "optimum-onnx"
    packages = ("optimum-onnx", "onnxruntime", "torch", "transformers")

    def missing(self) -> str:
        return "" if importlib.util.find_spec("optimum.exporters.onnx") else "optimum-onnx"

    def graph_write(self, model: PreTrainedModel, path: Path, opset: int) -> None:
        from optimum.exporters.onnx import export
        from optimum.exporters.tasks import TasksManager

        constructor = TasksManager.get_exporter_config_constructor(
            exporter="onnx",
            model=model,
            task="text-classification",
            model_type=model.config.model_type,
            library_name="transformers",
        )
        with warnings.catch_warnings():
            # The tracer remarks on constants of the attention mask that really are constant.
            warnings.simplefilter("ignore")
            export(model, constructor(model.config), path, opset=opset)


class TransformersExporter:
    """The exporters of transformers 5: torch's own graph capture instead of a trace."""

    name = "transformers"
    packages = ("transformers", "onnxscript", "onnxruntime", "torch")

    def missing(self) -> str:
        if not importlib.util.find_spec("transformers.exporters"):
            return "transformers 5"
        return "" if importlib.util.find_spec("onnxscript") else "onnxscript"

    def graph_write(self, model: PreTrainedModel, path: Path, opset: int) -> None:
        import onnx_ir
        import torch
        from transformers.exporters import OnnxConfig, OnnxExporter

        # Two rows of different ids: a dimension of one would be taken for a constant.
        ids = torch.tensor([[2, 5, 6, 7, 3], [2, 6, 5, 8, 3]])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        exported: Any = OnnxExporter().export(
            model, inputs, config=OnnxConfig(dynamic=True, opset_version=opset)
        )
        onnx_ir.save(exported.program, str(path))


EXPORTERS: dict[str, Exporter] = {
    exporter.name: exporter for exporter in (OptimumExporter(), TransformersExporter())
}


def exporter_named(name: str) -> Exporter:
    """The exporter *name*, if everything that it needs is installed.

    Raises:
        ExportOptionsError: saying what there is, or what is missing.
    """
    exporter = EXPORTERS.get(name)
    if exporter is None:
        raise ExportOptionsError(f"exporter {name!r}: one of {', '.join(EXPORTERS)}")
    if exporter.missing():
        raise ExportOptionsError(f"exporter {name!r} needs {exporter.missing()}; install it first")
    return exporter


def exporter_versions(exporter: Exporter) -> dict[str, str]:
    """The versions of the packages that took part."""
    versions = {}
    for name in exporter.packages:
        try:
            versions[name] = package_version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"
    return versions
