"""Registering, exporting and promoting versions."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from accounts.api import User
from mlops.constants import Action, Status
from mlops.inference.artifact import artifact_verify
from mlops.inference.classifier import Classifier
from mlops.inference.huggingface import artifact_adopt
from mlops.inference.manifest import MANIFEST_NAME, Manifest, Precision
from mlops.models import Model, ModelEvent, ModelVersion
from mlops.selectors import version_before, version_folder, version_serving
from mlops.services.export import artifact_export

logger = logging.getLogger(__name__)


class IllegalTransitionError(RuntimeError):
    """A change of status that the version's present one does not allow."""


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
        manifest=asdict(manifest),
    )
    action = Action.EXPORTED if parent else Action.REGISTERED
    ModelEvent.objects.create(version=version, action=action)
    logger.info("registered %s, digest %s", version, version.digest[:12])
    return version


def folder_register(*, folder: Path, name: str | None = None) -> ModelVersion:
    """Copy *folder*, an artifact or a Hugging Face one, into MODELS_DIR and register it.

    Raises:
        ArtifactError: if it is neither, or damaged; nothing is kept then.
    """
    name = slugify(name or folder.resolve().name)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=_models_dir()) as scratch:
        copy = Path(scratch) / "artifact"
        if (folder / MANIFEST_NAME).exists():
            artifact_verify(folder)
            shutil.copytree(folder, copy)
        else:
            artifact_adopt(folder, copy, name=name)
        # What does not load and answer is not kept.
        classifier = Classifier.load(copy)
        target = settings.MODELS_DIR / f"{classifier.manifest.name}-{classifier.digest[:12]}"
        if not target.exists():
            copy.rename(target)
    return version_register(folder=target)


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
def version_promote(
    *,
    version: ModelVersion,
    actor: User | None = None,
    reason: str = "",
    action: Action = Action.PROMOTED,
) -> ModelVersion:
    """Make *version* the one that serves; the one before it becomes ``validated`` again.

    Serving processes see it within two seconds, load it beside the old one and swap.

    Raises:
        IllegalTransitionError: if the version failed or was archived.
        ArtifactError: if its folder is damaged: nothing changes then.
    """
    siblings = ModelVersion.objects.select_for_update().filter(model=version.model)
    version = siblings.select_related("model").get(pk=version.pk)
    if version.status == Status.PRODUCTION and version == version_serving():
        return version
    if version.status not in (Status.VALIDATED, Status.PRODUCTION):
        raise IllegalTransitionError(f"{version} is {version.status}, not validated")
    artifact_verify(version_folder(version))
    siblings.filter(status=Status.PRODUCTION).exclude(pk=version.pk).update(status=Status.VALIDATED)
    version.status, version.promoted_at = Status.PRODUCTION, timezone.now()
    version.save(update_fields=["status", "promoted_at"])
    ModelEvent.objects.create(version=version, action=action, actor=actor, reason=reason)
    logger.info("promoted %s", version)
    return version


def version_rollback(
    *, version: ModelVersion, actor: User | None = None, reason: str = ""
) -> ModelVersion:
    """Serve again what served before *version*, and return that.

    Raises:
        IllegalTransitionError: if *version* does not serve.
        VersionNotFoundError: if nothing served before it.
    """
    if version.status != Status.PRODUCTION:
        raise IllegalTransitionError(f"{version} is {version.status}, not in production")
    return version_promote(
        version=version_before(version), actor=actor, reason=reason, action=Action.ROLLED_BACK
    )


def _moved(version: ModelVersion, folder: Path) -> ModelVersion:
    """Follow an artifact whose folder is another than last time (a moved checkout)."""
    location = _location(folder)
    if version.folder != location:
        version.folder = location
        version.save(update_fields=["folder"])
    return version


def _models_dir() -> Path:
    folder: Path = settings.MODELS_DIR
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _location(folder: Path) -> str:
    resolved = folder.resolve()
    models_dir = settings.MODELS_DIR.resolve()
    if resolved.is_relative_to(models_dir):
        return str(resolved.relative_to(models_dir))
    return str(resolved)


def _size(folder: Path, manifest: Manifest) -> int:
    return sum((folder / name).stat().st_size for name in manifest.files)
