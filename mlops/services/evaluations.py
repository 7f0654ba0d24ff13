"""Keeping the figures of a version."""

from __future__ import annotations

from typing import Any

from mlops.models import Evaluation, ModelVersion


def evaluation_record(*, version: ModelVersion, result: dict[str, Any]) -> Evaluation:
    """The row for *result*, as ``evaluation_run`` returned it."""
    overall = result.get("overall", {})
    return Evaluation.objects.create(
        version=version,
        data_name=result["data"]["name"],
        data_digest=result["data"]["sha256"],
        texts=result["texts"],
        f1_macro=overall.get("f1_macro"),
        f1_micro=overall.get("f1_micro"),
        calibration_error=overall.get("calibration_error"),
        fitted_on_this_file=result["fitted_on_this_file"],
        result=result,
    )
