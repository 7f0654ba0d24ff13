"""What Prometheus sees of rollouts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

GUARDRAILS = Counter(
    "valence_guardrail_stops_total", "Arms that a guardrail stopped, by guardrail.", ["guardrail"]
)
SHADOW = Counter("valence_shadow_texts_total", "Texts for shadow arms, by outcome.", ["outcome"])

PAUSES = Counter(
    "valence_shadow_pauses_total", "How often a shadow's pass was stopped because a text came."
)
WAITING = Gauge(
    "valence_shadow_waiting_texts", "Texts that wait for shadows.", multiprocess_mode="livesum"
)


def guardrail_count(guardrail: str) -> None:
    """Count an arm that was stopped."""
    GUARDRAILS.labels(guardrail).inc()


def shadow_count(outcome: str, texts: int) -> None:
    """Count texts that a shadow arm answered, failed on or never saw."""
    SHADOW.labels(outcome).inc(texts)


def shadow_pauses(times: int) -> None:
    """Count how often a pass was stopped."""
    if times:
        PAUSES.inc(times)


def shadow_waiting(texts: int) -> None:
    """Set how many texts wait for this process's shadows."""
    WAITING.set(texts)
