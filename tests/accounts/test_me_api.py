"""GET /api/v1/me/, and the usage that the admin draws"""

from __future__ import annotations

from accounts.activity import recorder
from accounts.models import Usage


def test_it_works(server, person, key_client):
    user = person("operator")
    client = key_client(user, scopes=["emotions:read", "jobs"])
    body = client.get("/api/v1/me/").json()
    assert body["id"] == str(user.pk)
    assert body["roles"] == ["operator"]
    assert body["tier"]["name"] == "standard"
    assert body["tier"]["texts_per_batch"] == 100
    assert body["credential"]["scopes"] == ["emotions:read", "jobs"]
    assert len(body["credential"]["key"]) == 12


def test_what_cannot_be_written_is_kept_for_the_next_time(server, person, monkeypatch):
    user = person()
    recorder.usage_add(user_id=user.pk, key="k", model="m", documents=3)
    with monkeypatch.context() as patch:
        patch.setattr("accounts.activity._usage_write", lambda *_, **__: 1 / 0)
        recorder.flush()
    recorder.usage_add(user_id=user.pk, key="k", model="m", documents=4)
    recorder.flush()
    row = Usage.objects.get(user=user)
    assert (row.requests, row.documents) == (2, 7)
