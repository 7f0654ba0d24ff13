"""What is asked about models and versions."""

from __future__ import annotations

from pathlib import Path

from django.db.models import QuerySet

from mlops.constants import Action, JobStatus, Status
from mlops.errors import CodedError
from mlops.models import Dataset, Evaluation, ModelEvent, ModelJob, ModelVersion
from mlops.storage import artifact_folder


class VersionNotFoundError(CodedError, LookupError):
    """No version is meant by a name."""

    code = "version_not_found"


class DatasetNotFoundError(CodedError, LookupError):
    """No data set is meant by a name."""

    code = "dataset_not_found"


def version_folder(version: ModelVersion) -> Path:
    """Where the artifact of *version* lies on this machine; fetched from the storage if need be."""
    return artifact_folder(version.digest)


def version_serving() -> ModelVersion | None:
    """The version in production, or None before the first promotion."""
    return (
        ModelVersion.objects.select_related("model")
        .filter(status=Status.PRODUCTION)
        .order_by("promoted_at")
        .last()
    )


def serving_artifact() -> tuple[str, Path] | None:
    """Digest and folder of what ``version_serving`` means; asked all the time, so one column."""
    serving = ModelVersion.objects.filter(status=Status.PRODUCTION).order_by("-promoted_at")
    for digest in serving.values_list("digest", flat=True)[:1]:
        return digest, artifact_folder(digest)
    return None


def versions_visible() -> QuerySet[ModelVersion]:
    """All versions but deleted ones, newest first."""
    return ModelVersion.objects.select_related("model", "parent__model").filter(deleted_at=None)


def version_named(name: str) -> ModelVersion:
    """The version that *name* means: ``NAME:NUMBER``, ``NAME@ALIAS``, or the latest of ``NAME``.

    Raises:
        VersionNotFoundError: listing what there is.
    """
    versions = versions_visible()
    model, at, alias = name.partition("@")
    if at:
        found = versions.filter(model__name=model, aliases__name=alias).first()
    else:
        model, _, number = name.partition(":")
        versions = versions.filter(model__name=model)
        if number:
            versions = versions.filter(number=int(number) if number.isdecimal() else -1)
        found = versions.order_by("number").last()
    if found is None:
        known = versions_visible().order_by("model__name", "number")
        listed = ", ".join(each.name for each in known[:20])
        raise VersionNotFoundError(f"no version {name!r}; registered: {listed or 'none'}")
    return found


def version_before(version: ModelVersion) -> ModelVersion:
    """The version, of whatever model, that served before *version*.

    Raises:
        VersionNotFoundError: if there was none.
    """
    before = (
        versions_visible()
        .filter(status=Status.VALIDATED, promoted_at__isnull=False)
        .exclude(pk=version.pk)
        .order_by("promoted_at")
        .last()
    )
    if before is None:
        raise VersionNotFoundError(f"no version served before {version}")
    return before


def dataset_named(name: str) -> Dataset:
    """The data set that *name* means: ``NAME:SPLIT``, or the only split of ``NAME``.

    Raises:
        DatasetNotFoundError: listing what there is.
    """
    given, _, split = name.partition(":")
    found = Dataset.objects.filter(name=given)
    if split:
        found = found.filter(split=split)
    if len(found) != 1:
        listed = ", ".join(map(str, Dataset.objects.all()[:20]))
        what = "several splits of" if found else "no"
        raise DatasetNotFoundError(f"{what} data set {name!r}; registered: {listed or 'none'}")
    return found[0]


def dataset_reference() -> Dataset | None:
    """The data set that promotion gates compare on."""
    return Dataset.objects.filter(reference=True).first()


def evaluation_latest(version: ModelVersion, dataset: Dataset) -> Evaluation | None:
    """The newest figures of *version* on the very file of *dataset*."""
    return version.evaluations.filter(data_digest=dataset.digest).first()


def jobs_open(version: ModelVersion) -> QuerySet[ModelJob]:
    """Work on *version* that is not done."""
    return version.jobs.filter(status__in=(JobStatus.QUEUED, JobStatus.RUNNING))


def load_failure(version: ModelVersion) -> ModelEvent | None:
    """Why the serving processes could not load *version*, if that is the last thing it did."""
    last = version.events.filter(
        action__in=(Action.LOAD_FAILED, Action.PROMOTED, Action.ROLLED_BACK)
    ).first()
    return last if last and last.action == Action.LOAD_FAILED else None
