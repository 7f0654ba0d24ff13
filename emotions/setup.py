"""Everything between a clone and a server that can start. Every step may run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.core.management import call_command

from accounts.api import first_admin_create
from mlops.api import (
    ModelVersion,
    version_export,
    version_promote,
    version_register,
    version_serving,
)

PRETRAINED = Path(__file__).parent / "pretrained"


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """Shown once; neither secret is kept in readable form."""

    email: str
    password: str
    api_key: str


@dataclass(frozen=True, slots=True)
class SetupResult:
    """What is in place now; ``admin`` only on the first run."""

    version: ModelVersion
    admin: FirstAdmin | None


def setup(*, admin_email: str, say: Callable[[str], None]) -> SetupResult:
    """Migrate, collect static files, register and export the model, create the first admin.

    Raises:
        ArtifactError: if the embedded model is damaged.
        ExportError: if its export fails or is too far from it.
    """
    with _step("database", say):
        call_command("migrate", interactive=False, verbosity=0)
    with _step("static files", say):
        call_command("collectstatic", interactive=False, verbosity=0)
    with _step("model", say):
        version = embedded_version()
    created = first_admin_create(email=admin_email)
    admin = FirstAdmin(created[0].email, *created[1:]) if created else None
    return SetupResult(version, admin)


def embedded_version() -> ModelVersion:
    """The version that serves; the embedded model's int8 export when it is new here."""
    parent = version_register(folder=PRETRAINED)
    child = version_export(version=parent)
    serving = version_serving()
    # A new release brings a new embedded model, once; an operator's later choice stays.
    is_new = child.promoted_at is None
    if serving is None or (is_new and serving.model_id == child.model_id):
        return version_promote(version=child)
    return serving


@contextmanager
def _step(name: str, say: Callable[[str], None]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    say(f"  {name} ready ({time.perf_counter() - started:.1f} s)")
