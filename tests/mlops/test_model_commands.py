"""manage.py register_model, export_onnx and promote_model"""

from __future__ import annotations

import json
import shutil

import pytest
from django.core.management import CommandError, call_command

from mlops.constants import Status
from mlops.inference.huggingface import artifact_adopt
from mlops.models import ModelEvent, ModelVersion
from mlops.selectors import version_folder, version_named, version_serving
from mlops.services.versions import version_register
from tests.mlops.inference.models import huggingface_folder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def models_dir(settings, tmp_path):
    settings.MODELS_DIR = tmp_path / "models"
    return settings.MODELS_DIR


def damage(path):
    """Another file in its place: writing into it would damage every version that shares it."""
    path.unlink()
    path.write_text("{}")


@pytest.fixture
def tiny(tmp_path):
    return huggingface_folder(tmp_path / "tiny", "bert")


@pytest.fixture
def registered(tmp_path):
    """Makes registered versions without the command, which looks at each in a new process."""

    def make(shape: str = "bert", name: str = "tiny") -> ModelVersion:
        source, artifact = tmp_path / f"{name}-{shape}", tmp_path / f"{name}-{shape}-artifact"
        artifact_adopt(huggingface_folder(source, shape), artifact, name=name)
        return version_register(folder=artifact)

    return make


def test_it_works(tiny, capsys):
    call_command("register_model", tiny)
    assert "as tiny:1" in capsys.readouterr().out
    call_command("export_onnx", "tiny:1", "--precision", "fp32", "--json")
    report = json.loads(capsys.readouterr().out)
    assert report["version"] == "tiny:2"
    assert report["max_difference"] < 1e-4
    call_command("promote_model", "tiny:2", "--reason", "first")
    assert version_serving() == version_named("tiny")
    actions = ModelEvent.objects.filter(version__model__name="tiny").values_list("action", "reason")
    assert list(actions) == [("promoted", "first"), ("exported", ""), ("registered", "")]


def test_registering_twice_keeps_one_version(tiny):
    call_command("register_model", tiny, "--name", "twice")
    call_command("register_model", tiny, "--name", "twice")
    assert ModelVersion.objects.filter(model__name="twice").count() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "mine"], "the artifact is called tiny in its manifest, not mine"),
        (["--threshold", "0.3", "--max-length", "64"], "leave out: max length, thresholds"),
    ],
)
def test_an_artifact_is_what_its_manifest_says(tiny, tmp_path, options, message):
    artifact_adopt(tiny, tmp_path / "artifact", name="tiny")
    with pytest.raises(CommandError, match=message):
        call_command("register_model", tmp_path / "artifact", *options)
    assert not ModelVersion.objects.filter(model__name__in=("tiny", "mine")).exists()
    call_command("register_model", tmp_path / "artifact", "--name", "tiny")
    assert version_named("tiny").number == 1


def test_a_repository_of_the_hub_is_taken_at_its_commit(tiny, tmp_path, monkeypatch):
    """Offline, from the hub library's own cache: the layout that a download leaves."""
    commit = "0123456789abcdef" * 2 + "01234567"
    repository = tmp_path / "hub" / "models--team--hub-moods"
    shutil.copytree(tiny, repository / "snapshots" / commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    call_command("register_model", "team/hub-moods", "--revision", commit)
    assert version_named("hub-moods").number == 1
    with pytest.raises(CommandError, match="cannot be reached and nothing is cached; download"):
        call_command("register_model", "team/other", "--revision", commit)


@pytest.mark.parametrize(
    ("repository", "revision", "message"),
    [
        ("team/tiny", "main", "revision 'main' can move; name a commit"),
        ("no name at all!", "0" * 40, "is no repository name"),
    ],
)
def test_a_repository_without_a_pinned_commit_is_refused(repository, revision, message):
    with pytest.raises(CommandError, match=message):
        call_command("register_model", repository, "--revision", revision)


def test_a_rollback_serves_what_served_before(registered):
    registered("bert", name="line")
    registered("distilbert", name="line")
    call_command("promote_model", "line:1")
    call_command("promote_model", "line:2")
    call_command("promote_model", "line:2", "--rollback")
    assert version_serving() == version_named("line:1")
    assert version_named("line:2").status == Status.VALIDATED


def test_what_cannot_be_loaded_leaves_neither_row_nor_file(tiny, models_dir):
    (tiny / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(CommandError, match=r"not a safetensors file.*artifact_corrupt"):
        call_command("register_model", tiny)
    assert not ModelVersion.objects.filter(model__name="tiny").exists()
    assert list(models_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["register_model", "nowhere"], "nowhere: no such folder", 1),
        (["export_onnx", "nobody:3"], "no version 'nobody:3'; registered:", 2),
        (["promote_model", "nobody"], "no version 'nobody'", 2),
        (["promote_model", "tiny:one"], "no version 'tiny:one'", 2),
    ],
)
def test_a_wrong_name_says_what_there_is(arguments, message, status):
    with pytest.raises(CommandError, match=message) as failure:
        call_command(*arguments)
    assert failure.value.returncode == status


@pytest.mark.parametrize("label_map", ['["joy"]', '{"happy": 1}', '"joy"'])
def test_a_label_map_that_is_none_is_refused(tmp_path, label_map):
    data = tmp_path / "data.csv"
    data.write_text("text,labels\ngood day,happy\n")
    with pytest.raises(CommandError, match="the label map must look like"):
        call_command("register_dataset", data, "--label-map", label_map)


def test_only_what_serves_can_be_rolled_back_and_only_to_something(registered):
    registered()
    with pytest.raises(CommandError, match="validated, not in production"):
        call_command("promote_model", "tiny:1", "--rollback")
    call_command("promote_model", "tiny:1")
    ModelVersion.objects.exclude(model__name="tiny").update(promoted_at=None)
    with pytest.raises(CommandError, match="no version served before"):
        call_command("promote_model", "tiny:1", "--rollback")


def test_a_failed_version_is_never_promoted(registered):
    registered()
    ModelVersion.objects.filter(model__name="tiny").update(
        status=Status.FAILED, failure="out of tolerance"
    )
    with pytest.raises(CommandError, match="is failed, not validated"):
        call_command("promote_model", "tiny")


def test_a_damaged_version_is_never_promoted(registered):
    version = registered()
    damage(version_folder(version) / "tokenizer.json")
    with pytest.raises(CommandError, match=r"tokenizer.json does not match its digest"):
        call_command("promote_model", "tiny")
    assert version_serving() != version
