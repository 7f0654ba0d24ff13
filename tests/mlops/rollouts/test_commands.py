"""``manage.py rollout``, ``replay`` and ``export_feedback``"""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.services import api_key_create
from mlops.log.privacy import text_seal
from mlops.models import Feedback, Prediction, Rollout
from mlops.rollouts.services import rollout_create, rollout_start
from mlops.training.data import labelled_texts_read, labels_read
from tests.mlops.rollouts.rows import prediction, save

pytestmark = pytest.mark.django_db
TEXTS = ["Thank you so much", "I am furious about this", "The meeting is at 3 pm"]


@pytest.fixture(autouse=True)
def _alone(db) -> None:
    """For the time of a test there is no traffic but its own."""
    Feedback.objects.all().delete()
    Prediction.objects.all().delete()


def run(*arguments) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def file(spec, tmp_path):
    body = {
        "name": "by-command",
        "arms": [
            {
                "name": arm.name,
                "version": arm.version.name,
                "weight": arm.weight,
                "champion": arm.champion,
            }
            for arm in spec.arms
        ],
    }
    path = tmp_path / "rollout.json"
    path.write_text(json.dumps(body))
    return path


@pytest.fixture
def kept(spec):
    """Answers whose texts were kept."""
    rollout = rollout_start(rollout=rollout_create(spec=spec))
    arm = rollout.arms.get(champion=True)
    return save(
        prediction(
            arm,
            number,
            text=text_seal(text),
            text_hash=f"00000000-0000-0000-0000-{number:012}",
            top_label="gratitude",
            labels=["gratitude"],
            low_confidence=number == 2,
        )
        for number, text in enumerate(TEXTS)
    )


def test_it_works(file):
    assert "by-command  draft  everyone" in run("rollout", "create", str(file))
    assert "running" in run("rollout", "start", "by-command", "--reason", "go")
    assert "challenger valence-minilm" in run("rollout", "list")
    ramped = json.loads(run("rollout", "ramp", "by-command", "challenger", "0.25", "--json"))
    assert ramped["arms"][1]["share"] == 0.25
    assert "paused" in run("rollout", "pause", "by-command", "--arm", "challenger")
    assert "Not every live arm" in run("rollout", "show", "by-command")
    run("rollout", "resume", "by-command", "--arm", "challenger")
    assert "concluded" in run("rollout", "conclude", "by-command")
    assert Rollout.objects.get(name="by-command").events.count() == 6


def test_a_key_is_pinned_and_let_go(champion):
    row, _ = api_key_create(user=User.objects.create_user("pin@example.org"), name="pin")
    assert f"gets {champion.name}" in run("pin_key", row.lookup_id, champion.name)
    row.refresh_from_db()
    assert row.pinned_model == champion.name
    assert "what serves everybody" in run("pin_key", row.lookup_id, "--none")
    for arguments in (["nothing", champion.name], [row.lookup_id, "nothing:1"]):
        with pytest.raises(CommandError) as error:
            run("pin_key", *arguments)
        assert error.value.returncode == 2


def test_a_plan():
    text = run("rollout", "plan", "--baseline", "0.8", "--effect", "0.03")
    assert "answers with an outcome; 0 a day: no such traffic yet" in text


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["show", "nothing"], 2, "no rollout 'nothing'; there are: "),
        (["create", "/nowhere.json"], 2, "No such file"),
        (["plan", "--baseline", "2", "--effect", "0.1"], 2, "baseline must be between"),
    ],
    ids=str,
)
def test_misuse_is_named(arguments, status, message):
    with pytest.raises(CommandError, match=message) as error:
        run("rollout", *arguments)
    assert error.value.returncode == status


def test_what_cannot_be_done_now_fails(file):
    run("rollout", "create", str(file))
    with pytest.raises(CommandError, match="is draft, not running") as error:
        run("rollout", "pause", "by-command")
    assert error.value.returncode == 1


def test_a_replay_compares_with_what_was_served(kept, challenger):
    result = json.loads(run("replay", challenger.name, "--hours", "1", "--json"))
    assert result["pairs"] == 3
    assert result["top_label_agreement"] == pytest.approx(1 / 3, abs=1e-3)
    example = next(each for each in result["examples"] if each["prediction"] == str(kept[1].pk))
    assert (example["live"], example["shadow"]) == (["gratitude"], ["anger"])
    assert "on 3 logged texts" in run("replay", challenger.name)


def test_without_kept_texts_there_is_nothing_to_replay(challenger):
    with pytest.raises(CommandError, match="TEXT_LOGGING") as error:
        run("replay", challenger.name)
    assert error.value.returncode == 1


def test_feedback_becomes_training_data(kept, champion, tmp_path):
    user = User.objects.create_user("judge@example.org")
    for row, labels, agrees in ((kept[0], None, True), (kept[1], ["anger"], False)):
        Feedback.objects.create(
            prediction_id=row.pk,
            predicted_at=row.created_at,
            user=user,
            labels=labels,
            agrees=agrees,
        )
    counts = json.loads(run("export_feedback", str(tmp_path / "out"), "--json"))
    assert (counts["labelled"], counts["unlabelled"]) == (2, 1)
    labels = labels_read(tmp_path / "out" / "labels.txt")
    data = labelled_texts_read(tmp_path / "out" / "feedback.tsv", len(labels))
    found = {
        text: labels[int(row.argmax())] for text, row in zip(data.texts, data.targets, strict=True)
    }
    assert found == {TEXTS[0]: "gratitude", TEXTS[1]: "anger"}
    assert TEXTS[2] in (tmp_path / "out" / "low_confidence.tsv").read_text()
