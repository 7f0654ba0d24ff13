"""From safetensors to ONNX, compared with the parent before anybody may rely on it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlops.export.exporters import exporter_named, exporter_versions
from mlops.export.graphs import graph_finish
from mlops.export.options import ExportOptions
from mlops.export.outliers import CAP
from mlops.export.parity import Texts, parity_measure, probe_windows
from mlops.inference.artifact import (
    CONFIG_NAME,
    ONNX_NAME,
    TOKENIZER_NAME,
    artifact_verify,
    artifact_write,
)
from mlops.inference.errors import ArtifactError
from mlops.inference.manifest import Manifest
from mlops.inference.processor import cpu_flags
from mlops.inference.protocol import Progress, silent
from mlops.inference.torch_backend import model_load

# Of the report, what the manifest keeps: figures that come out the same every time.
_LASTING = ("texts", "max_difference", "mean_difference", "top_label_agreement")


class ParityError(ArtifactError):
    """An export whose outputs are too far from its parent's."""

    code = "export_out_of_tolerance"


def parity_require(report: dict[str, Any]) -> None:
    """Refuse an export that its report finds out of tolerance.

    Raises:
        ParityError: with the figures.
    """
    if not report["within_tolerance"]:
        raise ParityError(
            f"a probability moved by {report['max_difference']}, tolerated is {report['tolerance']}"
        )


def onnx_export(
    source: Path,
    target: Path,
    options: ExportOptions,
    *,
    tolerance: float,
    texts: Texts | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write the ONNX artifact *target* from the safetensors artifact *source*.

    An export that moves a probability by more than *tolerance* is written all the same, and its
    report says ``within_tolerance: false``: whoever keeps versions keeps it as failed.

    Returns:
        The parity report.

    Raises:
        ArtifactError: if the source is damaged, or the options do not suit it.
    """
    # Short texts one by one: a second thread would only wait for the first.
    torch.set_num_threads(1)
    exporter = exporter_named(options.exporter)
    progress(0.05, "loading the model")
    parent = artifact_verify(source)
    model = model_load(source).eval()
    report: dict[str, Any] = {}

    def fill(folder: Path) -> Manifest:
        for name in (TOKENIZER_NAME, CONFIG_NAME):
            shutil.copyfile(source / name, folder / name)
        progress(0.2, f"writing the graph with {exporter.name}")
        with tempfile.TemporaryDirectory() as scratch:
            plain = Path(scratch) / ONNX_NAME
            exporter.graph_write(model, plain, options.opset)
            progress(0.5, f"making it {options.precision}")
            windows = probe_windows(source, parent.max_length)
            exact = graph_finish(
                plain,
                folder / ONNX_NAME,
                options,
                model.config,
                windows=windows,
                longest=parent.max_length,
            )
        child = _child(parent, options, exporter_versions(exporter), exact_sums=exact)
        progress(0.6, "comparing it with its parent")
        report.update(parity_measure(model, source, folder, child, texts or Texts()))
        report["tolerance"] = tolerance
        # NaN is not within any tolerance.
        report["within_tolerance"] = bool(report["max_difference"] <= tolerance)
        lasting = {name: report[name] for name in _LASTING}
        return replace(child, provenance={**child.provenance, "parity": lasting})

    artifact_write(target, parent, fill)
    return {name: _plain(value) for name, value in report.items()}


def _plain(value: Any) -> Any:
    """NaN has no place in JSON."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _child(
    parent: Manifest, options: ExportOptions, versions: dict[str, str], *, exact_sums: bool
) -> Manifest:
    exported = {"parent": parent.digest, **options.as_dict(), "versions": versions}
    if options.precision == "int8":
        # Of a graph that answers oddly, one asks first where it was judged.
        exported |= {"weights": "int8", "cpu_flags": cpu_flags(), "outlier_cap": CAP}
    return replace(
        parent,
        format="onnx",
        precision=options.precision,
        exact_sums=exact_sums,
        provenance={**parent.provenance, "export": exported},
    )
