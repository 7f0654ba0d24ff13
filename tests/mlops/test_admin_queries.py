"""Lists of the admin and of the API ask the database as often for many rows as for few"""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, Usage, User
from accounts.services import api_key_create
from mlops.constants import Action, JobKind, Status
from mlops.models import (
    Arm,
    Dataset,
    DriftEvent,
    Evaluation,
    Feedback,
    LogArchive,
    LogExport,
    Model,
    ModelEvent,
    ModelJob,
    ModelVersion,
    Rollout,
    RolloutEvent,
    RolloutScope,
    UsageHour,
    VersionAlias,
)
from tests.mlops.rollouts import rows

FEW, MANY = 3, 20
MANIFEST = {
    "name": "m",
    "version": "1",
    "labels": ["joy"],
    "activation": "sigmoid",
    "max_length": 64,
    "thresholds": [0.5],
    "files": {},
    "provenance": {},
    "metrics": {},
}
API = ("rollouts/", "models/", "predictions/?everyone=true", "keys/?everyone=true")
_numbers = itertools.count()


def add() -> None:
    """One more row of everything, each related to rows of its own."""
    number = next(_numbers)
    user = User.objects.create_user(f"rows-{number}@example.org")
    key, _ = api_key_create(user=user, name="rows", created_by=user)
    today, now = date(2026, 1, 1) + timedelta(days=number), timezone.now()
    Usage.objects.create(user=user, key=key.lookup_id, day=today, requests=1, documents=1)
    AuditEvent.objects.create(action="tested", actor=user.email, target=str(key))
    version = version_add(number, user)
    experiment_add(number, user, version)
    hour = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    UsageHour.objects.create(user_id=user.pk, hour=hour, version_id=version.pk, requests=1)
    LogExport.objects.create(user=user, format="csv")
    LogArchive.objects.create(month=today, path=f"rows-{number}", rows=1, size=1)
    DriftEvent.objects.create(
        at=now, version_id=version.pk, measure="psi", value=1, threshold=0.2, documents=1
    )


def version_add(number: int, user: User) -> ModelVersion:
    model = Model.objects.create(name=f"rows-{number}", owner=user)
    parent, version = (
        ModelVersion.objects.create(
            model=model,
            number=each,
            format="onnx",
            precision="int8",
            status=Status.VALIDATED,
            digest=uuid.uuid4().hex,
            size=1,
            manifest=MANIFEST,
        )
        for each in (1, 2)
    )
    ModelVersion.objects.filter(pk=version.pk).update(parent=parent)
    VersionAlias.objects.create(model=model, name="next", version=version)
    ModelEvent.objects.create(version=version, action=Action.REGISTERED, actor=user)
    data = Dataset.objects.create(
        name=f"rows-{number}", rows=1, labels=["joy"], suffix=".csv", created_by=user
    )
    evaluation = Evaluation.objects.create(
        version=version,
        dataset=data,
        data_name=str(data),
        texts=1,
        result={},
        f1_macro=0.5,
        fitted_on_this_file=False,
    )
    ModelJob.objects.create(
        kind=JobKind.EVALUATE, version=version, result=parent, evaluation=evaluation, actor=user
    )
    return version


def experiment_add(number: int, user: User, version: ModelVersion) -> None:
    rollout = Rollout.objects.create(name=f"rows-{number}", created_by=user)
    RolloutScope.objects.create(rollout=rollout, scope=f"user:{user.pk}")
    for name in ("champion", "challenger"):
        arm = Arm.objects.create(
            rollout=rollout, name=name, version=version, weight=1, champion=name == "champion"
        )
    Rollout.objects.filter(pk=rollout.pk).update(winner=arm)
    RolloutEvent.objects.create(rollout=rollout, arm=arm, action="created", actor=user)
    (row,) = rows.save([rows.prediction(arm, number)])
    Feedback.objects.create(
        prediction_id=row.pk, predicted_at=row.created_at, user=user, agrees=True
    )


@pytest.fixture
def client(db, settings, tmp_path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(User.objects.create_superuser("rows@example.org", "rows-password"))
    return client


def queries(client: Client, url: str) -> list[str]:
    assert client.get(url).status_code == 200  # what is read once is read now
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return [query["sql"] for query in captured]


def lists() -> list[str]:
    models = [each._meta for each in admin.site._registry]
    pages = [reverse(f"admin:{each.app_label}_{each.model_name}_changelist") for each in models]
    return [*pages, *(f"/api/v1/{name}" for name in API)]


def test_it_works(client):
    for _ in range(FEW):
        add()
    few = {url: queries(client, url) for url in lists()}
    for _ in range(MANY - FEW):
        add()
    many = {url: queries(client, url) for url in lists()}
    # The last question of a flood says what it is about.
    floods = {url: many[url][-1] for url in lists() if len(many[url]) > len(few[url])}
    assert floods == {}
