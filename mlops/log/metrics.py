"""What Prometheus sees of the request log."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

ROWS = Counter("valence_log_rows_total", "Predictions moved from the spool to the database.")
LOST = Counter(
    "valence_log_lost_total", "Predictions that the log does not have, by reason.", ["reason"]
)
# All processes of a host see the same folder: the newest look counts.
SPOOL_BYTES = Gauge(
    "valence_log_spool_bytes", "Bytes that wait in the spool.", multiprocess_mode="mostrecent"
)
LAG = Gauge(
    "valence_log_lag_seconds",
    "Age of the oldest prediction in the spool.",
    multiprocess_mode="mostrecent",
)
STRAYS = Gauge(
    "valence_log_strays",
    "Predictions found in the default partition by the last round.",
    multiprocess_mode="mostrecent",
)
DRIFT = Gauge(
    "valence_drift",
    "The last day of a version against the days before, by measure.",
    ["version", "measure"],
    multiprocess_mode="mostrecent",
)
