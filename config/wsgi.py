"""The WSGI application. Importing it makes this process a serving one: the model loads."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

# After fork and after the apps are ready; loads and warms in a thread of its own.
from emotions.engine import engine  # noqa: E402

engine.start()
