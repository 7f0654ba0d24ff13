"""The product's settings, but for what makes tests slow or dependent on what was here before."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tests.waiting import PATIENCE

if "DATA_DIR" not in os.environ:
    # No run meets the database, the models or the secrets of another, nor those of a developer.
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="valence-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from config import settings

globals().update({name: value for name, value in vars(settings).items() if name.isupper()})
# The same algorithm in a thousandth of the rounds, here and in the servers of the tests.
PASSWORD_HASHERS = ["tests.hashers.QuickHasher"]
if settings.REDIS_URL:
    # On a busy machine Redis takes its time, too, and each process would count for itself.
    patient = {"SOCKET_CONNECT_TIMEOUT": PATIENCE, "SOCKET_TIMEOUT": PATIENCE}
    settings.CACHES["default"]["OPTIONS"] |= patient
