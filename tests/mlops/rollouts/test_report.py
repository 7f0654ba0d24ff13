"""Outcomes, split and verdicts of a running rollout"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from mlops.models import Feedback, Rollout
from mlops.rollouts.outcomes import settled_since
from mlops.rollouts.presentation import report_body
from mlops.rollouts.report import rollout_report
from mlops.rollouts.services import rollout_start
from mlops.rollouts.validation import ArmSpec
from tests.mlops.rollouts.rows import prediction, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def halves(make, spec) -> Rollout:
    """A rollout of two equal arms that started an hour ago, and a shadow."""
    champion, challenger = (arm.version for arm in spec.arms)
    arms = [
        ArmSpec("champion", champion, 1, champion=True),
        ArmSpec("challenger", challenger, 1),
        ArmSpec("shadow", challenger, 1.0, mode="shadow"),
    ]
    rollout = rollout_start(rollout=make(arms=arms))
    started = timezone.now() - timedelta(hours=1)
    Rollout.objects.filter(pk=rollout.pk).update(stage_at=started, started_at=started)
    rollout.refresh_from_db()
    for arm in rollout.arms.filter(mode="live"):
        save([prediction(arm, -1, at=started + timedelta(seconds=1))])
    return rollout


def arms(rollout):
    return {arm.name: arm for arm in rollout.arms.select_related("rollout")}


def serve(arm, count, **fields):
    return save(prediction(arm, number, **fields) for number in range(count))


def judge(rows, arm, good, owner):
    Feedback.objects.bulk_create(
        Feedback(
            prediction_id=row.pk,
            predicted_at=row.created_at,
            user=owner,
            arm_id=arm.pk,
            subject_hash=row.subject_hash,
            agrees=number < good,
        )
        for number, row in enumerate(rows)
    )


def test_it_works(halves):
    found = arms(halves)
    serve(found["champion"], 300)
    serve(found["challenger"], 290, infer_ms=4.0)
    report = rollout_report(halves)
    assert report.since == settled_since(halves)
    champion, challenger, _ = report.arms
    assert (champion.outcome.requests, challenger.outcome.requests) == (300, 290)
    assert champion.outcome.subjects == 300
    assert challenger.quantiles[0.5] == 4.0
    assert not report.srm.mismatch
    body = report_body(report)
    assert body["arms"][0]["labels"] == {"joy": 1.0}
    assert body["arms"][1]["against_champion"]["error_rate"] is None


def test_before_every_arm_answered_there_is_no_result(make):
    report = rollout_report(rollout_start(rollout=make()))
    assert report.since is None
    assert report.verdicts == ["Not every live arm has answered since the weights changed."]


def test_the_verdict_says_what_is_better_and_what_is_open(halves, django_user_model):
    owner = django_user_model.objects.create_user("judge@example.org")
    found = arms(halves)
    for name, good, noise in (("champion", 1200, 1), ("challenger", 1340, 2)):
        values = np.random.default_rng(noise).gamma(4, 1, 1500)
        rows = save(
            prediction(found[name], number, infer_ms=float(ms)) for number, ms in enumerate(values)
        )
        judge(rows, found[name], good, owner)
    report = rollout_report(halves)
    compared = report.arms[1].agreement
    assert compared.difference == pytest.approx(140 / 1500)
    assert report.verdicts[0].startswith("challenger: better on agreement, +9.3 points [")
    assert "keep running for errors, answers without a label, latency." in report.verdicts[0]


def test_a_broken_split_voids_every_comparison(halves):
    found = arms(halves)
    serve(found["champion"], 1000)
    serve(found["challenger"], 800)
    report = rollout_report(halves)
    assert report.srm.mismatch
    verdict = report.verdicts[0]
    assert verdict.startswith("The split is broken (p = ")
    assert "1000 instead of 900" in verdict


def test_requests_of_one_subject_count_as_one_subject(halves):
    found = arms(halves)
    for arm in (found["champion"], found["challenger"]):
        save(prediction(arm, number, subject=str(number % 60)) for number in range(600))
    report = rollout_report(halves)
    assert [arm.outcome.subjects for arm in report.arms[:2]] == [60, 60]
    assert report.srm.observed == (60, 60)


def test_errors_and_unsure_answers(halves):
    found = arms(halves)
    serve(found["champion"], 400)
    serve(found["challenger"], 300)
    save(
        prediction(found["challenger"], 1000 + n, error_code="inference_failed", top_label="")
        for n in range(60)
    )
    save(prediction(found["challenger"], 2000 + n, low_confidence=True) for n in range(40))
    challenger = rollout_report(halves).arms[1]
    assert challenger.outcome.errors.x / challenger.outcome.requests == pytest.approx(0.15)
    assert challenger.errors.low > 0.05
    assert challenger.outcome.unsure.x == 40
    assert challenger.outcome.unsure.n == 340


def test_feedback_counts_for_the_time_of_its_prediction(halves, django_user_model):
    owner = django_user_model.objects.create_user("late@example.org")
    found = arms(halves)
    early = [prediction(found["challenger"], 5, at=halves.stage_at - timedelta(minutes=5))]
    judge(save(early), found["challenger"], 1, owner)
    judge(serve(found["challenger"], 10), found["challenger"], 7, owner)
    challenger = rollout_report(halves).arms[1].outcome
    assert (challenger.agreement.n, challenger.agreement.x) == (10, 7)


def test_a_shadow_is_paired_with_what_callers_got(halves):
    found = arms(halves)
    live = serve(found["champion"], 100)
    for number, row in enumerate(live):
        row.text_hash = row.pk
        row.scores = np.full(28, 30_000, dtype="<u2").tobytes()
        row.save()
        other = number < 10
        save(
            [
                prediction(
                    found["shadow"],
                    number,
                    request_id=row.request_id,
                    text_hash=row.pk,
                    top_label="anger" if other else "joy",
                    labels=["anger"] if other else ["joy"],
                    scores=np.full(28, 30_000 + 5_000 * other, dtype="<u2").tobytes(),
                )
            ]
        )
    report = rollout_report(halves)
    paired = report.arms[2].paired
    assert (paired.pairs, paired.top_agree) == (100, pytest.approx(0.9))
    agreement = {each.label: each for each in paired.labels}
    assert (agreement["joy"].live, agreement["joy"].shadow) == (100, 90)
    assert agreement["anger"].agree == pytest.approx(0.9)
    assert agreement["fear"].agree == 1
    assert all(pair.shadow.top_label == "anger" for pair in paired.examples)
    assert "in 90.0% of 100 texts" in report.verdicts[-1]


@pytest.mark.parametrize("unit", ["subject", "key", "user", "request"])
def test_every_unit_has_its_subjects(halves, unit):
    Rollout.objects.filter(pk=halves.pk).update(unit=unit)
    halves.refresh_from_db()
    champion = arms(halves)["champion"]
    save(
        prediction(champion, number, key_id=f"key{number % 3}", subject=str(number % 7))
        for number in range(42)
    )
    expected = {"subject": 7, "key": 3, "user": 1, "request": 42}[unit]
    assert rollout_report(halves).arms[0].outcome.subjects == expected
