"""``manage.py list_models``: what is registered, and what serves."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from mlops.management.base import ModelCommand, version_values
from mlops.selectors import versions_visible


class Command(ModelCommand):
    """One line a version, the newest first."""

    help = "List the registered versions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", help="Of one model.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        versions = versions_visible().prefetch_related("aliases", "evaluations")
        if options["name"]:
            versions = versions.filter(model__name=options["name"])
        if options["json"]:
            self.stdout.write(json.dumps([version_values(version) for version in versions]))
            return
        for version in versions:
            figures = next(iter(version.evaluations.all()), None)
            f1 = f"{figures.f1_macro:.4f}" if figures and figures.f1_macro is not None else "-"
            aliases = " ".join(f"@{alias.name}" for alias in version.aliases.all())
            self.stdout.write(
                f"{version.name:32} {version.format:12} {version.precision:5} "
                f"{version.status:10} {version.size / 1e6:8.1f} MB  macro-F1 {f1:7} {aliases}"
            )
