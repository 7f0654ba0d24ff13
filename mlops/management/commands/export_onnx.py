"""``manage.py export_onnx``: an ONNX version of a registered model."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlops.inference.errors import ArtifactError
from mlops.selectors import VersionNotFoundError, version_named
from mlops.services.export import ExportError
from mlops.services.versions import version_export


class Command(BaseCommand):
    """Writes a child version, with its differences from the parent on real texts."""

    help = "Export a version (NAME or NAME:NUMBER) to ONNX and register the result."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", metavar="NAME[:NUMBER]")
        parser.add_argument("--precision", choices=("fp32", "int8"), default="int8")
        parser.add_argument("--json", action="store_true", help="The parity report.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            version = version_named(options["version"])
            child = version_export(version=version, precision=options["precision"])
        except VersionNotFoundError as error:
            raise CommandError(str(error), returncode=2) from error
        except (ArtifactError, ExportError) as error:
            raise CommandError(str(error)) from error
        report = {
            "version": f"{child.model.name}:{child.number}",
            **child.manifest["provenance"]["parity"],
        }
        if options["json"]:
            self.stdout.write(json.dumps(report))
        else:
            self.stdout.write(
                f"exported {child} as {report['version']}: on {report['texts']} texts "
                f"a probability moved by {report['max_difference']:.4f} at most, "
                f"{report['mean_difference']:.5f} on average"
            )
