"""GET /health/live and /health/ready"""

from __future__ import annotations

import pytest

from emotions.engine import Engine
from mlops.inference.errors import NotReadyError
from mlops.routing.table import RoutingTable, Serving


def test_it_works(stranger):
    body = stranger.client.get("/health/ready").json()
    assert body["status"] == "ready"
    assert body["model"]["name"] == "valence-minilm"
    assert body["probe_ms"] > 0


def test_live_answers_anybody(stranger):
    response = stranger.client.get("/health/live")
    assert response.json() == {"status": "alive"}
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.parametrize("url", ["/health/live", "/health/ready"])
def test_probes_may_use_head_but_not_post(stranger, url):
    assert stranger.client.head(url).status_code == 200
    assert stranger.client.post(url).status_code == 405


def test_an_engine_without_a_model_is_not_ready_and_says_why(engine_config):
    engine = Engine()
    with pytest.raises(NotReadyError, match="not configured"):
        engine.analyze(["hello"])
    engine.configure(engine_config)
    with pytest.raises(NotReadyError, match="being loaded"):
        engine.probe()


def test_a_model_that_cannot_be_loaded_shows_its_error(engine_config, tmp_path):
    from dataclasses import replace

    engine = Engine()
    engine.configure(replace(engine_config, routing=lambda: RoutingTable(Serving("new", tmp_path))))
    engine.start(background=False)
    with pytest.raises(NotReadyError, match=r"ArtifactCorruptError.*manifest.json"):
        engine.probe()
