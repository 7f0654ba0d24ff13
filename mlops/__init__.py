"""Model versions and everything that makes, checks and runs them."""

from __future__ import annotations

import os

# Before anything here imports ONNX Runtime: since 1.29 it tells Microsoft about models and machine,
# from a thread of its own, and keeps a number for the machine in the user's cache folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
