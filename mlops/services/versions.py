"""Registering, exporting and promoting versions."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from mlops.constants import Status
from mlops.inference.artifact import artifact_verify
from mlops.inference.manifest import Manifest, Precision
from mlops.models import Model, ModelVersion
from mlops.selectors import version_folder
from mlops.services.export import artifact_export

logger = logging.getLogger(__name__)


@transaction.atomic
def version_register(*, folder: Path, parent: ModelVersion | None = None) -> ModelVersion:
    """The row for the artifact in *folder*; the existing one if its digest is known.

    Raises:
        ArtifactError: if the folder is corrupt or incompatible; nothing is stored then.
    """
    manifest = artifact_verify(folder)
    known = ModelVersion.objects.filter(digest=manifest.digest).first()
    if known:
        return _moved(known, folder)
    model, _ = Model.objects.select_for_update().get_or_create(name=manifest.name)
    last = model.versions.aggregate(last=Max("number"))["last"] or 0
    version = ModelVersion.objects.create(
        model=model,
        number=last + 1,
        parent=parent,
        format=manifest.format,
        precision=manifest.precision,
        status=Status.VALIDATED,
        folder=_location(folder),
        digest=manifest.digest,
        size=_size(folder, manifest),
        manifest=_manifest_json(manifest),
    )
    logger.info("registered %s, digest %s", version, version.digest[:12])
    return version


def version_export(*, version: ModelVersion, precision: Precision) -> ModelVersion:
    """The ONNX child of *version* in *precision*; made now if there is none that is whole.

    Raises:
        ExportError: if the export fails or its outputs are too far from its parent's.
        ArtifactError: if the parent's folder is damaged.
    """
    target = settings.MODELS_DIR / f"{version.model.name}-{version.digest[:12]}-{precision}"
    artifact_export(source=version_folder(version), target=target, precision=precision)
    return version_register(folder=target, parent=version)


@transaction.atomic
def version_promote(*, version: ModelVersion) -> ModelVersion:
    """Make *version* the one that serves; the one before it becomes ``validated`` again."""
    if version.status == Status.PRODUCTION:
        return version
    siblings = ModelVersion.objects.select_for_update().filter(model=version.model)
    siblings.filter(status=Status.PRODUCTION).exclude(pk=version.pk).update(status=Status.VALIDATED)
    version.status = Status.PRODUCTION
    version.save(update_fields=["status"])
    logger.info("promoted %s", version)
    return version


def _moved(version: ModelVersion, folder: Path) -> ModelVersion:
    """Follow an artifact whose folder is another than last time (a moved checkout)."""
    location = _location(folder)
    if version.folder != location:
        version.folder = location
        version.save(update_fields=["folder"])
    return version


def _location(folder: Path) -> str:
    resolved = folder.resolve()
    models_dir = settings.MODELS_DIR.resolve()
    if resolved.is_relative_to(models_dir):
        return str(resolved.relative_to(models_dir))
    return str(resolved)


def _size(folder: Path, manifest: Manifest) -> int:
    return sum((folder / name).stat().st_size for name in manifest.files)


def _manifest_json(manifest: Manifest) -> dict[str, object]:
    import json

    decoded: dict[str, object] = json.loads(manifest.to_json())
    return decoded
