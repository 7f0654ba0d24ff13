"""Measuring versions and keeping their figures."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.api import User
from mlops.constants import Action
from mlops.errors import CodedError
from mlops.evaluation.alignment import Scored
from mlops.evaluation.bootstrap import LEVEL
from mlops.evaluation.comparison import comparison_measure
from mlops.inference.protocol import Progress
from mlops.models import Dataset, Evaluation, ModelEvent, ModelVersion
from mlops.selectors import version_folder, version_serving
from mlops.services.datasets import DatasetFile
from mlops.services.files import files_locked
from mlops.services.processes import process_run
from mlops.storage import blob_copy, blob_keep, blob_save


class ComparisonError(CodedError):
    """Two evaluations that cannot be compared."""

    code = "not_comparable"


def version_evaluate(
    *,
    version: ModelVersion,
    dataset: Dataset,
    actor: User | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure *version* on *dataset*, beside the version that serves, and keep the figures.

    Raises:
        ArtifactError: if it cannot be loaded, or shares no label with the data.
    """
    with tempfile.TemporaryDirectory() as scratch, DatasetFile(dataset) as data:
        outputs, specification = Path(scratch) / "outputs.npz", Path(scratch) / "what.json"
        serving = version_serving()
        against = str(version_folder(serving)) if serving and serving != version else ""
        specification.write_text(
            json.dumps(
                {
                    "data": str(data),
                    "labels": dataset.labels,
                    "label_map": dataset.label_map,
                    "outputs": str(outputs),
                    "against": against,
                }
            )
        )
        result = process_run(
            "mlops.evaluation",
            [str(version_folder(version)), str(specification)],
            progress=progress,
        )
        result["data"]["name"] = str(dataset)
        kept = blob_save(outputs)
        with files_locked():
            blob_keep(outputs, kept)
            return evaluation_record(
                version=version, result=result, dataset=dataset, outputs_digest=kept, actor=actor
            )


@transaction.atomic
def evaluation_record(
    *,
    version: ModelVersion,
    result: dict[str, Any],
    dataset: Dataset | None = None,
    outputs_digest: str = "",
    actor: User | None = None,
) -> Evaluation:
    """The row for *result*, as ``evaluation_run`` returned it."""
    overall = result.get("overall", {})
    evaluation = Evaluation.objects.create(
        version=version,
        dataset=dataset,
        data_name=result["data"]["name"],
        data_digest=result["data"]["sha256"],
        outputs_digest=outputs_digest,
        texts=result["texts"],
        f1_macro=overall.get("f1_macro"),
        f1_micro=overall.get("f1_micro"),
        calibration_error=overall.get("calibration_error"),
        latency_p95=result.get("speed", {}).get("latency_p95_ms"),
        memory=result.get("memory_mb"),
        behaviour=result.get("behaviour"),
        fitted_on_this_file=result["fitted_on_this_file"],
        result=result,
    )
    detail = {"data": evaluation.data_name, "f1_macro": evaluation.f1_macro}
    ModelEvent.objects.create(version=version, action=Action.EVALUATED, actor=actor, detail=detail)
    return evaluation


def evaluations_compare(
    *, candidate: Evaluation, champion: Evaluation, level: float = LEVEL
) -> dict[str, Any]:
    """What changes from *champion* to *candidate*, with intervals of the difference.

    Raises:
        ComparisonError: if they are of different files, or their rows were not kept.
    """
    if candidate.data_digest != champion.data_digest:
        raise ComparisonError(f"{candidate} and {champion} are about different files")
    for each in (candidate, champion):
        if not each.outputs_digest:
            raise ComparisonError(f"{each}: its rows were not kept; evaluate it again")
    compared = comparison_measure(_scored(candidate), _scored(champion), level=level)
    speed = candidate.result.get("speed_against", {})
    measured = speed if speed.get("digest") == champion.version.digest else {}
    return {
        "candidate": candidate.version.name,
        "champion": champion.version.name,
        "data": candidate.data_name,
        **compared,
        "latency_p95_ratio": measured.get("p95_ratio") or _ratio(candidate, champion),
        "latency_interleaved": bool(measured),
        "size_ratio": round(candidate.version.size / champion.version.size, 3),
    }


def _ratio(candidate: Evaluation, champion: Evaluation) -> float | None:
    if not candidate.latency_p95 or not champion.latency_p95:
        return None
    return round(candidate.latency_p95 / champion.latency_p95, 3)


def _scored(evaluation: Evaluation) -> Scored:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "outputs.npz"
        blob_copy(evaluation.outputs_digest, path)
        return Scored.load(path)
