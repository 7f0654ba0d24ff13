"""What is asked about models and versions."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from mlops.constants import Status
from mlops.models import ModelVersion


class VersionNotFoundError(LookupError):
    """No version is meant by a name."""


def version_folder(version: ModelVersion) -> Path:
    """Where the artifact of *version* lies."""
    folder: Path = settings.MODELS_DIR / version.folder
    return folder


def version_serving() -> ModelVersion | None:
    """The version in production, or None before the first promotion.

    Of several models each may have one; the one promoted last serves.
    """
    return (
        ModelVersion.objects.select_related("model")
        .filter(status=Status.PRODUCTION)
        .order_by("promoted_at")
        .last()
    )


def serving_artifact() -> tuple[str, Path] | None:
    """Digest and folder of what ``version_serving`` means; asked all the time, so two columns."""
    serving = ModelVersion.objects.filter(status=Status.PRODUCTION).order_by("-promoted_at")
    for digest, folder in serving.values_list("digest", "folder")[:1]:
        return digest, settings.MODELS_DIR / folder
    return None


def version_named(name: str) -> ModelVersion:
    """The version that *name* means: ``NAME:NUMBER``, or the latest of ``NAME``.

    Raises:
        VersionNotFoundError: listing what there is.
    """
    model, _, number = name.partition(":")
    versions = ModelVersion.objects.select_related("model").filter(model__name=model)
    if number:
        versions = versions.filter(number=int(number) if number.isdecimal() else -1)
    version = versions.order_by("number").last()
    if version is None:
        known = ModelVersion.objects.select_related("model").order_by("model__name", "number")
        listed = ", ".join(f"{each.model.name}:{each.number}" for each in known[:20])
        raise VersionNotFoundError(f"no version {name!r}; registered: {listed or 'none'}")
    return version


def version_before(version: ModelVersion) -> ModelVersion:
    """The version of the same model that served before *version*.

    Raises:
        VersionNotFoundError: if there was none.
    """
    before = (
        ModelVersion.objects.select_related("model")
        .filter(model=version.model, status=Status.VALIDATED, promoted_at__isnull=False)
        .order_by("promoted_at")
        .last()
    )
    if before is None:
        raise VersionNotFoundError(f"no version of {version.model.name} served before {version}")
    return before
