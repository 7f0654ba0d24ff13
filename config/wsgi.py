"""The WSGI application. Importing it makes this process a serving one: the model loads."""

from __future__ import annotations

import gc

from config.application import application
from emotions.engine import engine
from mlops.api import log_start

__all__ = ["application"]

# After fork, too; loads and warms in a thread of its own.
engine.start()
log_start()
# What was imported stays: the collector need not look through it again and again. And a request
# makes some hundred objects that die with it; looking at every 700 found nothing but took its time.
gc.freeze()
gc.set_threshold(10_000, 20, 20)
