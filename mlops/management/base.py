"""What the commands of model operations share."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlops.errors import CodedError
from mlops.models import Dataset, ModelVersion
from mlops.selectors import (
    DatasetNotFoundError,
    VersionNotFoundError,
    dataset_named,
    version_folder,
    version_named,
)

# Exit statuses, as of every command: 1 for work that failed, 2 for a command line that cannot work.
FAILED, MISUSED = 1, 2
VERSION_HELP = "NAME, NAME:NUMBER or NAME@ALIAS."


class ModelCommand(BaseCommand):
    """Results on standard output, progress on standard error, errors with their code."""

    def json_argument(self, parser: ArgumentParser) -> None:
        """``--json``."""
        parser.add_argument("--json", action="store_true", help="The result as JSON.")

    def progress(self, share: float, message: str) -> None:
        """A line on standard error."""
        self.stderr.write(f"{share:4.0%} {message}")

    def answer(self, values: Mapping[str, Any], words: str, *, as_json: bool) -> None:
        """The result, for programs or for people."""
        self.stdout.write(json.dumps(values, ensure_ascii=False) if as_json else words)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What services refuse, as this command's failure."""
        try:
            yield
        except (VersionNotFoundError, DatasetNotFoundError) as error:
            raise CommandError(str(error), returncode=MISUSED) from error
        except CodedError as error:
            raise CommandError(f"{error} ({error.code})", returncode=FAILED) from error

    def version(self, name: str) -> ModelVersion:
        """The version that *name* means."""
        with self.errors():
            return version_named(name)

    def model(self, name: str) -> tuple[ModelVersion | None, Path]:
        """The artifact folder at *name*, or the version that it means with its folder."""
        if Path(name).is_dir():
            return None, Path(name)
        try:
            version = version_named(name)
        except VersionNotFoundError as error:
            raise CommandError(
                f"{name}: no such folder, and {error}", returncode=MISUSED
            ) from error
        return version, version_folder(version)

    def dataset(self, name: str) -> Dataset:
        """The data set that *name* means."""
        with self.errors():
            return dataset_named(name)

    def file(self, path: Path) -> Path:
        """*path*, if there is such a file."""
        if not path.is_file():
            raise CommandError(f"{path}: no such file", returncode=MISUSED)
        return path


def version_values(version: ModelVersion) -> dict[str, Any]:
    """What ``--json`` says about a version."""
    return {
        "version": version.name,
        "digest": version.digest,
        "format": version.format,
        "precision": version.precision,
        "status": version.status,
        "failure": version.failure or None,
        "labels": version.labels,
        "parent": version.parent.name if version.parent else None,
        "source": version.source,
        "size": version.size,
        "cascade": version.cascade,
        "aliases": [alias.name for alias in version.aliases.all()],
        "report": version.report,
    }
