"""What makes no sense as a rollout"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops.constants import Status
from mlops.inference.artifact import artifact_write
from mlops.inference.manifest import manifest_read
from mlops.models import Arm
from mlops.rollouts.constants import Mode, RolloutState
from mlops.rollouts.errors import RolloutError
from mlops.rollouts.routing import routing_table
from mlops.rollouts.services import (
    rollout_create,
    rollout_start,
)
from mlops.selectors import version_folder
from mlops.services.versions import version_register

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"weight": -1.0}, "weight_invalid"),
        ({"weight": float("nan")}, "weight_invalid"),
        ({"champion": True}, "champion_count"),
        ({"name": "champion"}, "arm_name_twice"),
        ({"mode": Mode.SHADOW, "weight": 5.0}, "shadow_share_invalid"),
        ({"label_map": {"joy": "joy"}}, "label_map_invalid"),
    ],
)
def test_a_wrong_arm_is_named_and_nothing_is_kept(spec, change, code):
    arms, before = [spec.arms[0], replace(spec.arms[1], **change)], Arm.objects.count()
    with pytest.raises(RolloutError) as error:
        rollout_create(spec=replace(spec, arms=arms))
    assert (error.value.code, error.value.field) == (code, "arms")
    assert Arm.objects.count() == before


def test_weights_must_add_up_to_something(spec):
    arms = [replace(arm, weight=0) for arm in spec.arms]
    with pytest.raises(RolloutError, match="more than 0"):
        rollout_create(spec=replace(spec, arms=arms))


@pytest.mark.parametrize(
    ("scopes", "code"),
    [
        ([], "scopes_count"),
        (["tier:gold"], "scope_unknown"),
        (["planet:mars"], "scope_unknown"),
        (["key:doesnotexist"], "scope_unknown"),
        (["everyone", "tier:free"], "scopes_overlap"),
        (["tier:free", "tier:free"], "scopes_overlap"),
    ],
)
def test_a_wrong_scope_is_named(make, scopes, code):
    with pytest.raises(RolloutError) as error:
        make(scopes=scopes)
    assert (error.value.code, error.value.field) == (code, "scopes")


@pytest.mark.parametrize(
    "schedule",
    [
        [{"share": 0.05, "minutes": 1}, {"share": 0.01, "minutes": 1}],
        [{"share": 1.0, "minutes": 1}],
        [{"share": 0.1, "minutes": 0}],
        [{"share": 0.1}],
        [{"share": "much", "minutes": 1}],
        [{"share": 0.1, "minutes": 1, "mood": "good"}],
    ],
)
def test_a_wrong_schedule_is_named(make, schedule):
    with pytest.raises(RolloutError, match=r"Step \d is"):
        make(schedule=schedule)


def test_a_version_that_is_not_validated_is_refused(make, challenger):
    type(challenger).objects.filter(pk=challenger.pk).update(status=Status.ARCHIVED)
    challenger.refresh_from_db()
    with pytest.raises(RolloutError, match="archived, not validated"):
        make()


def test_a_version_whose_files_are_damaged_does_not_start(make, challenger, tmp_path):
    manifest = manifest_read(version_folder(challenger))
    folder = tmp_path / "damaged"

    def fill(target):
        (target / "model.onnx").write_bytes(b"0")

    artifact_write(folder, replace(manifest, version="damaged"), fill)
    damaged = version_register(folder=folder)
    rollout = make()
    rollout.arms.filter(name="challenger").update(version=damaged)
    (version_folder(damaged) / "model.onnx").write_bytes(b"1")
    with pytest.raises(RolloutError, match=r"cannot be loaded: .*does not match its digest"):
        rollout_start(rollout=rollout)
    rollout.refresh_from_db()
    assert rollout.state == RolloutState.DRAFT


def test_other_labels_need_a_map(spec, tmp_path):
    folder = version_folder(spec.arms[1].version)
    manifest = manifest_read(folder)
    renamed = [f"{label}s" for label in manifest.labels]

    def fill(target):
        for name in manifest.files:
            (target / name).write_bytes((folder / name).read_bytes())

    artifact_write(tmp_path / "renamed", replace(manifest, labels=renamed), fill)
    arm = replace(spec.arms[1], version=version_register(folder=tmp_path / "renamed"))
    with pytest.raises(RolloutError, match="has other labels than the champion"):
        rollout_create(spec=replace(spec, arms=[spec.arms[0], arm]))
    mapped = replace(arm, label_map=dict(zip(renamed, manifest.labels, strict=True)))
    rollout_start(rollout=rollout_create(spec=replace(spec, arms=[spec.arms[0], mapped])))
    assert routing_table().everyone.live[1].label_map.labels == tuple(manifest.labels)
