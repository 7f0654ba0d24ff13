"""Registering and promoting versions"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from emotions.setup import PRETRAINED, embedded_version
from mlops.constants import Action, Status
from mlops.inference.artifact import artifact_verify, artifact_write
from mlops.inference.errors import ArtifactCorruptError
from mlops.inference.huggingface import artifact_adopt
from mlops.models import ModelVersion
from mlops.selectors import load_failure, version_folder, version_serving
from mlops.services.versions import version_load_failed, version_promote, version_register
from tests.mlops.inference.models import huggingface_folder

pytestmark = pytest.mark.django_db


def copied(source: Path, folder: Path) -> None:
    for path in source.iterdir():
        shutil.copyfile(path, folder / path.name)


@pytest.fixture
def other(tmp_path, version_folder_int8) -> ModelVersion:
    artifact_adopt(huggingface_folder(tmp_path / "bert", "bert"), tmp_path / "other", name="other")
    return version_register(folder=tmp_path / "other")


def test_it_works(other, tmp_path):
    assert (other.model.name, other.number, other.status) == ("other", 1, Status.VALIDATED)
    assert artifact_verify(version_folder(other)).digest == other.digest
    assert other.size > 0


def test_the_same_artifact_is_registered_once(other, tmp_path):
    assert version_register(folder=tmp_path / "other") == other


def test_identical_files_are_kept_once(other, tmp_path):
    manifest = replace(artifact_verify(version_folder(other)), version="again")
    source = version_folder(other)
    artifact_write(tmp_path / "again", manifest, lambda folder: copied(source, folder))
    again = version_register(folder=tmp_path / "again")
    weights = [version_folder(each) / "model.safetensors" for each in (other, again)]
    assert weights[0].stat().st_ino == weights[1].stat().st_ino
    assert again.digest != other.digest


def test_a_corrupt_folder_leaves_no_row(tmp_path):
    shutil.copytree(PRETRAINED, tmp_path / "broken")
    (tmp_path / "broken" / "tokenizer.json").write_text("{}")
    before = ModelVersion.objects.count()
    with pytest.raises(ArtifactCorruptError):
        version_register(folder=tmp_path / "broken")
    assert ModelVersion.objects.count() == before


def test_one_version_of_a_model_serves(other, tmp_path):
    version_promote(version=other)
    artifact_adopt(
        huggingface_folder(tmp_path / "roberta", "roberta"), tmp_path / "next", name="other"
    )
    following = version_register(folder=tmp_path / "next")
    following = version_promote(version=following)
    other.refresh_from_db()
    assert (other.status, following.status) == (Status.VALIDATED, Status.PRODUCTION)
    assert following.number == 2


def test_the_database_refuses_a_second_version_in_production(other):
    version_promote(version=other)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.create(
            model=other.model,
            number=9,
            format=other.format,
            precision=other.precision,
            status=Status.PRODUCTION,
            digest="x",
            promoted_at=timezone.now(),
            size=1,
            manifest={},
        )


def test_set_up_keeps_a_promotion_of_another_version_of_the_embedded_model(
    version_folder_int8, tmp_path
):
    embedded_version()
    manifest = replace(artifact_verify(version_folder_int8), version="of the operator")

    artifact_write(tmp_path / "own", manifest, lambda folder: copied(version_folder_int8, folder))
    own = version_promote(version=version_register(folder=tmp_path / "own"))
    assert embedded_version() == own
    assert version_serving() == own


def test_set_up_keeps_an_operators_own_choice(other):
    ModelVersion.objects.filter(status=Status.PRODUCTION).update(status=Status.VALIDATED)
    version_promote(version=other)
    assert embedded_version() == other
    assert version_serving() == other


def test_that_servers_could_not_load_it_is_an_event_until_the_next_promotion(other):
    for _ in range(2):
        version_load_failed(digest=other.digest, reason="out of memory")
    assert [event.reason for event in other.events.filter(action=Action.LOAD_FAILED)] == [
        "out of memory"
    ]
    assert load_failure(other).reason == "out of memory"
    version_promote(version=other)
    assert load_failure(other) is None
