"""What Prometheus sees of rollouts."""

from __future__ import annotations

from prometheus_client import Counter

GUARDRAILS = Counter(
    "valence_guardrail_stops_total", "Arms that a guardrail stopped, by guardrail.", ["guardrail"]
)
SHADOW = Counter("valence_shadow_texts_total", "Texts for shadow arms, by outcome.", ["outcome"])


def guardrail_count(guardrail: str) -> None:
    """Count an arm that was stopped."""
    GUARDRAILS.labels(guardrail).inc()


def shadow_count(outcome: str, texts: int) -> None:
    """Count texts that a shadow arm answered, failed on or never saw."""
    SHADOW.labels(outcome).inc(texts)
