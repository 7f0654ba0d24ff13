"""FastAPI and ONNX Runtime with nothing around: no key, no limit, no log, no metrics.

One process for each core; the model runs in the event loop, which for one core is the fastest.
"""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

from emotions.benchmarks.peers.scorer import Scorer

app = FastAPI()
scorer = Scorer()


class Body(BaseModel):
    """What a caller sends."""

    text: str


@app.get("/ready")
async def ready() -> dict[str, bool]:
    """The model is loaded on import."""
    return {"ready": True}


@app.post("/score")
async def score(body: Body) -> dict[str, float]:
    """The scores of one text."""
    return scorer.score([body.text])[0]
