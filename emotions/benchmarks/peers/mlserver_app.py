"""MLServer's Open Inference Protocol: a worker for each core, adaptive batching of at most 5 ms."""

from __future__ import annotations

import json

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from emotions.benchmarks.peers.scorer import Scorer


class Emotions(MLModel):
    """A runtime of our own, as MLServer's documentation describes them."""

    async def load(self) -> bool:
        """Load the model."""
        self.scorer = Scorer()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The scores of a batch, as JSON texts."""
        texts = StringCodec.decode_input(payload.inputs[0])
        scores = [json.dumps(each) for each in self.scorer.score(texts)]
        output = StringCodec.encode_output("scores", scores)
        return InferenceResponse(model_name=self.name, outputs=[output])
