"""BentoML: a worker for each core, adaptive batching."""

from __future__ import annotations

import os

import bentoml

from emotions.benchmarks.peers.scorer import Scorer


@bentoml.service(
    workers=int(os.environ.get("PEER_WORKERS", "1")), logging={"access": {"enabled": False}}
)
class Emotions:
    """The service; loaded once in each worker."""

    def __init__(self) -> None:
        self.scorer = Scorer()

    @bentoml.api(batchable=True, max_batch_size=16, max_latency_ms=1000)
    def score(self, texts: list[str]) -> list[dict[str, float]]:
        """The scores of a batch."""
        return self.scorer.score(texts)
