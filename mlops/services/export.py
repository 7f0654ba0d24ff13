"""ONNX exports as child versions, each with its report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.api import User
from mlops.constants import Format, Status
from mlops.export.options import ExportOptions, ExportOptionsError
from mlops.inference.errors import ArtifactError
from mlops.inference.protocol import Progress
from mlops.models import ModelVersion
from mlops.selectors import dataset_reference, version_folder
from mlops.services.datasets import DatasetFile
from mlops.services.processes import process_run
from mlops.services.versions import version_register
from mlops.storage import INCOMING


class ExportError(ArtifactError):
    """An export outside its tolerance; the version is kept as failed, with its report."""

    code = "export_out_of_tolerance"


def version_export(
    *,
    version: ModelVersion,
    options: ExportOptions | None = None,
    actor: User | None = None,
    progress: Progress | None = None,
) -> ModelVersion:
    """The ONNX child of *version* that *options* describe; made now if there is none.

    Raises:
        ExportError: if its outputs are too far from its parent's.
        ArtifactError: if the parent's files are damaged or the options do not suit it.
    """
    options = options or ExportOptions()
    export_check(version=version)
    known = _known(version, options)
    if known:
        return known
    models_dir = Path(settings.MODELS_DIR)
    models_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=INCOMING, dir=models_dir) as scratch:
        target = Path(scratch) / "artifact"
        report = artifact_export(
            source=version_folder(version), target=target, options=options, progress=progress
        )
        failure = "" if report["within_tolerance"] else _failure(options, report)
        child = version_register(
            folder=target,
            parent=version,
            actor=actor,
            source=f"{options.exporter} export of {version.name}",
            status=Status.FAILED if failure else Status.VALIDATED,
            failure=failure,
            report=report,
        )
    if failure:
        raise ExportError(f"{child}: {failure}")
    return child


def export_check(*, version: ModelVersion) -> None:
    """What can be said before any work.

    Raises:
        ExportOptionsError: for a version that is ONNX already, or a cascade.
    """
    if version.format == Format.CASCADE:
        raise ExportOptionsError(
            f"{version} is a cascade of ONNX versions already; export those that you want in one, "
            "then register_cascade"
        )
    if version.format != Format.SAFETENSORS:
        raise ExportOptionsError(f"{version} is ONNX already; export its parent instead")


def artifact_export(
    *,
    source: Path,
    target: Path,
    options: ExportOptions,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the ONNX export of the artifact *source* to *target*; the parity report.

    Raises:
        ArtifactError: with the words of the exporter.
    """
    with tempfile.TemporaryDirectory() as scratch, _texts() as texts:
        wanted = Path(scratch) / "options.json"
        tolerance = settings.EXPORT_TOLERANCE[options.precision]
        wanted.write_text(
            json.dumps({"options": options.as_dict(), "tolerance": tolerance, "texts": texts})
        )
        arguments = [str(source), str(target), str(wanted)]
        return process_run("mlops.export", arguments, progress=progress)


@contextmanager
def _texts() -> Iterator[dict[str, Any] | None]:
    """The reference data set if there is one, else the texts that ship with the exporter."""
    dataset = dataset_reference()
    if dataset is None:
        yield None
        return
    with DatasetFile(dataset) as file:
        yield {"file": str(file), "labels": dataset.labels, "label_map": dataset.label_map}


def _known(version: ModelVersion, options: ExportOptions) -> ModelVersion | None:
    wanted = options.as_dict()
    for child in version.exports.select_related("model").filter(deleted_at=None):
        made = child.export_options
        if child.status != Status.FAILED and wanted.items() <= made.items():
            return child
    return None


def _failure(options: ExportOptions, report: dict[str, Any]) -> str:
    moved = report["max_difference"]
    if moved is None:
        return f"the {options.precision} export answers with NaN"
    return (
        f"a probability moved by {moved:.4f}; {options.precision} exports tolerate "
        f"{report['tolerance']:g} (EXPORT_TOLERANCE_{options.precision.upper()})"
    )
