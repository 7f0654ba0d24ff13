"""The Celery application. Imported by the worker and where a task is sent, never at web start."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("valence")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

for _folder in getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {}).values():
    if isinstance(_folder, str):
        Path(_folder).mkdir(parents=True, exist_ok=True)
