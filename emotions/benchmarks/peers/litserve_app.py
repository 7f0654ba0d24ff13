"""LitServe with its batching: a worker for each core, at most 5 ms for a batch to fill."""

from __future__ import annotations

import os

import litserve

from emotions.benchmarks.peers.scorer import Scorer


class Emotions(litserve.LitAPI):
    """The steps of a request as LitServe names them."""

    def setup(self, device: str) -> None:
        """Load the model, once in each worker."""
        self.scorer = Scorer()

    def decode_request(self, request: dict[str, str]) -> str:
        """The text."""
        return request["text"]

    def batch(self, inputs: list[str]) -> list[str]:
        """The texts of a batch; by default it would try to stack them as arrays."""
        return inputs

    def predict(self, texts: list[str]) -> list[dict[str, float]]:
        """The scores of a batch."""
        return self.scorer.score(texts)

    def unbatch(self, output: list[dict[str, float]]) -> list[dict[str, float]]:
        """One answer for each text."""
        return output

    def encode_response(self, output: dict[str, float]) -> dict[str, float]:
        """The scores as they are."""
        return output


if __name__ == "__main__":
    api = Emotions(max_batch_size=16, batch_timeout=0.005)
    server = litserve.LitServer(
        api, accelerator="cpu", workers_per_device=int(os.environ["PEER_WORKERS"])
    )
    server.run(port=int(os.environ["PEER_PORT"]), host="127.0.0.1", generate_client_file=False)
