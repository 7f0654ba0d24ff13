"""The life of a version: registered, validated, promoted, archived, deleted."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.api import User
from mlops.constants import CHAMPION, TRANSITIONS, Action, Status
from mlops.inference.artifact import artifact_verify
from mlops.inference.manifest import Manifest
from mlops.models import Model, ModelEvent, ModelVersion, VersionAlias
from mlops.selectors import load_failure, version_before, version_folder, version_serving
from mlops.services.errors import IllegalTransitionError, VersionInUseError, VersionServesError
from mlops.services.files import files_forget, files_locked
from mlops.services.gates import gates_require
from mlops.storage import artifact_store

logger = logging.getLogger(__name__)


def version_register(
    *,
    folder: Path,
    parent: ModelVersion | None = None,
    actor: User | None = None,
    source: str = "",
    task: str = "",
    status: Status = Status.VALIDATED,
    failure: str = "",
    report: dict[str, Any] | None = None,
) -> ModelVersion:
    """The row for the artifact in *folder*; the existing one if its digest is known.

    The files are kept first, the row is written last: whatever stops in between leaves no row.

    Raises:
        ArtifactError: if the folder is corrupt or incompatible; nothing is stored then.
    """
    manifest = artifact_verify(folder)
    artifact_store(folder, manifest)
    with files_locked():
        # Again: what was there a moment ago may have been deleted with another version since.
        artifact_store(folder, manifest)
        model, made = Model.objects.select_for_update().get_or_create(name=manifest.name)
        if made and (task or actor):
            model.task, model.owner = task or model.task, actor
            model.save(update_fields=["task", "owner"])
        known = model.versions.filter(digest=manifest.digest, deleted_at=None).first()
        if known:
            return known
        version = _row(model, manifest, folder, source)
        version.parent, version.status, version.failure = parent, status, failure
        version.report = report or {}
        version.save()
        _event(version, Action.EXPORTED if parent else Action.REGISTERED, actor, reason=failure)
    logger.info("registered %s, digest %s", version, version.digest[:12])
    return version


def version_validate(*, version: ModelVersion, actor: User | None = None) -> ModelVersion:
    """Mark a draft as fit to be promoted; its artifact is verified again.

    Raises:
        IllegalTransitionError: if it is no draft.
        ArtifactError: if it is damaged.
    """
    artifact_verify(version_folder(version))
    return _moved(version, Status.VALIDATED, Action.VALIDATED, actor, "")


@transaction.atomic
def version_promote(
    *,
    version: ModelVersion,
    actor: User | None = None,
    reason: str = "",
    action: Action = Action.PROMOTED,
    force: bool = False,
) -> ModelVersion:
    """Make *version* the one that serves; the one before it becomes ``validated`` again.

    Serving processes see it within two seconds, load it beside the old one and swap. With *force*
    what the gates found is recorded instead of obeyed; a rollback does not ask them.

    Raises:
        IllegalTransitionError: if the version failed, was archived or is a draft.
        ArtifactError: if its folder is damaged: nothing changes then.
        GateError: if a gate refuses it; or if *force* comes without permission or reason.
    """
    # Of all models: one version serves, so two promotions at once must take turns.
    list(ModelVersion.objects.select_for_update().filter(status=Status.PRODUCTION))
    version = _locked(version)
    serving = version_serving()
    if version == serving:
        return version
    if version.deleted_at or version.status not in (Status.VALIDATED, Status.PRODUCTION):
        raise IllegalTransitionError(f"{version} is {_state(version)}, not validated")
    artifact_verify(version_folder(version))
    detail = {"before": serving.name if serving else None}
    if action == Action.PROMOTED and serving:
        detail |= gates_require(
            version=version, champion=serving, actor=actor, force=force, reason=reason
        )
    serving_now = ModelVersion.objects.filter(status=Status.PRODUCTION).exclude(pk=version.pk)
    serving_now.update(status=Status.VALIDATED)
    version.status, version.promoted_at = Status.PRODUCTION, timezone.now()
    version.save(update_fields=["status", "promoted_at"])
    VersionAlias.objects.update_or_create(
        model=version.model, name=CHAMPION, defaults={"version": version}
    )
    _event(version, action, actor, reason=reason, detail=detail)
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
        raise IllegalTransitionError(f"{version} is {_state(version)}, not in production")
    return version_promote(
        version=version_before(version), actor=actor, reason=reason, action=Action.ROLLED_BACK
    )


def version_archive(
    *, version: ModelVersion, actor: User | None = None, reason: str = ""
) -> ModelVersion:
    """Take a version out of use; its files stay.

    Raises:
        VersionServesError: if it serves.
        IllegalTransitionError: if it is archived already.
    """
    return _moved(version, Status.ARCHIVED, Action.ARCHIVED, actor, reason)


def version_restore(
    *, version: ModelVersion, actor: User | None = None, reason: str = ""
) -> ModelVersion:
    """Bring an archived version back.

    Raises:
        IllegalTransitionError: if it is not archived, or failed before it was.
    """
    if version.failure:
        raise IllegalTransitionError(f"{version} failed: {version.failure}")
    return _moved(version, Status.VALIDATED, Action.RESTORED, actor, reason)


def version_delete(*, version: ModelVersion, actor: User | None = None, reason: str = "") -> None:
    """Free the files of a version. Its row, figures and events stay: history has no holes.

    Raises:
        VersionServesError: if it serves.
        VersionInUseError: if exports of it are not deleted yet.
    """
    with transaction.atomic():
        version = _locked(version)
        children = [child.name for child in version.exports.filter(deleted_at=None)]
        if children:
            raise VersionInUseError(f"{version} has exports: {', '.join(children)}; delete them")
        if version.deleted_at:
            raise IllegalTransitionError(f"{version} is deleted already")
        if version.status != Status.ARCHIVED:
            _move(version, Status.ARCHIVED)
        version.deleted_at = timezone.now()
        version.save(update_fields=["status", "deleted_at"])
        version.aliases.all().delete()
        _event(version, Action.DELETED, actor, reason=reason)
    files_forget({version.digest, *version.manifest["files"].values()})


def alias_set(*, version: ModelVersion, name: str, actor: User | None = None) -> VersionAlias:
    """Point the alias *name* of the version's model to *version*.

    Raises:
        IllegalTransitionError: for ``champion``, which promotions move.
    """
    if name == CHAMPION:
        raise IllegalTransitionError(f"{CHAMPION!r} follows promotions; promote the version")
    with transaction.atomic():
        alias, _ = VersionAlias.objects.update_or_create(
            model=version.model, name=name, defaults={"version": version}
        )
        _event(version, Action.ALIASED, actor, reason=name)
    return alias


def _row(model: Model, manifest: Manifest, folder: Path, source: str) -> ModelVersion:
    last = model.versions.aggregate(last=Max("number"))["last"] or 0
    return ModelVersion(
        model=model,
        number=last + 1,
        source=(source or str(manifest.provenance.get("source", "")))[:500],
        format=manifest.format,
        precision=manifest.precision,
        devices=["cpu", "cuda", "mps"] if manifest.format == "safetensors" else ["cpu", "cuda"],
        digest=manifest.digest,
        size=sum((folder / name).stat().st_size for name in manifest.files),
        manifest=asdict(manifest),
    )


@transaction.atomic
def _moved(
    version: ModelVersion, status: Status, action: Action, actor: User | None, reason: str
) -> ModelVersion:
    version = _locked(version)
    _move(version, status)
    version.save(update_fields=["status"])
    _event(version, action, actor, reason=reason)
    return version


def version_load_failed(*, digest: str, reason: str) -> None:
    """Note that a serving process could not load a version; once, however many there are."""
    version = ModelVersion.objects.filter(digest=digest).first()
    if version and not load_failure(version):
        _event(version, Action.LOAD_FAILED, None, reason=reason)


def _move(version: ModelVersion, status: Status) -> None:
    """Change the status of a locked version, if that is allowed."""
    if version.status == Status.PRODUCTION:
        raise VersionServesError(f"{version} serves; promote another version first")
    if version.deleted_at or status not in TRANSITIONS[version.status]:
        raise IllegalTransitionError(f"{version} is {_state(version)}; it cannot become {status}")
    version.status = status


def _locked(version: ModelVersion) -> ModelVersion:
    rows = ModelVersion.objects.select_for_update(of=("self",)).select_related("model")
    return rows.get(pk=version.pk)


def _state(version: ModelVersion) -> str:
    return "deleted" if version.deleted_at else version.status


def _event(
    version: ModelVersion,
    action: Action,
    actor: User | None,
    *,
    reason: str = "",
    detail: dict[str, Any] | None = None,
) -> ModelEvent:
    return ModelEvent.objects.create(
        version=version, action=action, actor=actor, reason=reason[:500], detail=detail or {}
    )
