"""``manage.py export_onnx``: an ONNX version of a registered model."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from mlops.export.options import OPSET, ExportOptions
from mlops.management.base import VERSION_HELP, ModelCommand
from mlops.services.export import version_export


class Command(ModelCommand):
    """Writes a child version, with its differences from the parent on real texts."""

    help = "Export a version to ONNX and register the result."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("version", help=VERSION_HELP)
        add("--precision", choices=("fp32", "fp16", "int8"), default="int8")
        add("--optimize", choices=("none", "O1", "O2", "O3", "O4"), default="none")
        add("--opset", type=int, default=OPSET)
        add("--exporter", default="optimum-onnx", help="optimum-onnx, or transformers (5).")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        version = self.version(options["version"])
        with self.errors():
            wanted = ExportOptions(
                precision=options["precision"],
                optimize=options["optimize"],
                opset=options["opset"],
                exporter=options["exporter"],
            )
            child = version_export(version=version, options=wanted, progress=self.progress)
        report = child.report
        words = (
            f"exported {child} as {child.name}: on {report['texts']} texts "
            f"a probability moved by {report['max_difference']:.4f} at most, "
            f"{report['mean_difference']:.5f} on average; "
            f"{report['size_ratio']:.0%} of the size, {report['latency_ratio']:.2f} of the latency"
        )
        self.answer({"version": child.name, **report}, words, as_json=options["json"])
