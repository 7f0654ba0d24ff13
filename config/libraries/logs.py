"""Log lines and the edges of the metrics."""

from __future__ import annotations

from typing import Any

# Bucket edges in seconds: an answer takes milliseconds, so the defaults would hide everything.
LATENCY_BUCKETS = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf")),
)


def logging_at(level: str) -> dict[str, Any]:
    """Django's ``LOGGING``, from *level* up."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "request_id": {"()": "config.common.logs.RequestIdFilter"},
            "no_probes": {"()": "config.common.logs.NoProbes"},
        },
        "formatters": {
            "line": {
                # Keys and tokens do not get into a log, whoever writes it.
                "()": "accounts.redaction.RedactingFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["request_id", "no_probes"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        # Django's own handler would print every error a second time.
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            # Four lines for each log-in; the audit trail has it in one.
            "axes": {"level": "WARNING"},
        },
    }
