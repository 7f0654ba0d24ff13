"""Limits of one request, each with its reason."""

from __future__ import annotations

# About ten pages: longer than anything people write in one go, and 60 windows for the model.
MAX_TEXT_LENGTH = 20_000
# Keeps one request under a second of one core.
MAX_TEXTS = 100
# With granularity "sentence" every sentence is a text of its own in the queue.
MAX_SENTENCES = 1_000
# Room for any id, an e-mail address included.
MAX_SUBJECT_LENGTH = 256
