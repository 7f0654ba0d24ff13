"""Artifacts lay in folders that rows named; from here on they lie in the storage by digest."""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings
from django.db import migrations

from mlops.inference.artifact import artifact_verify
from mlops.inference.errors import ArtifactError
from mlops.storage import artifact_store

logger = logging.getLogger(__name__)


def store(apps, schema_editor):
    versions = apps.get_model("mlops", "ModelVersion")
    for version in versions.objects.all():
        folder = Path(settings.MODELS_DIR) / version.folder
        try:
            artifact_store(folder, artifact_verify(folder))
        except ArtifactError as error:
            # The row stays; what asks for the version is told that its files are lost.
            logger.warning("version %s is not moved to the storage: %s", version.pk, error)
    # A version that failed must say why from now on; these cannot.
    versions.objects.filter(status="failed").update(status="archived")


class Migration(migrations.Migration):
    dependencies = [("mlops", "0007_log_aggregates")]

    operations = [migrations.RunPython(store, migrations.RunPython.noop)]
