"""``manage.py register_cascade``: two versions as one, the full one asked about the doubtful."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from mlops.evaluation.datasets import texts_read
from mlops.inference.artifact import file_digest
from mlops.management.base import VERSION_HELP, ModelCommand, version_values
from mlops.services.cascades import Sample, cascade_register, share_interval


class Command(ModelCommand):
    """The bound of doubt is that which the wanted share of the given texts are over."""

    help = "Register a cascade: a small version that hands on what it doubts to a full one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("small", help=VERSION_HELP)
        add("full", help=VERSION_HELP)
        add(
            "--data",
            type=Path,
            required=True,
            help="Texts as in your traffic: one a line, TSV with the text first, or CSV with a "
            "column text. Labels are not looked at.",
        )
        add("--share", type=float, default=0.2, help="Of the texts, to be handed on.")
        add("--name", default="", help="Of the model; default: the full one's with -cascade.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        small, full = self.version(options["small"]), self.version(options["full"])
        path, share = self.file(options["data"]), options["share"]
        with self.errors():
            sample = Sample(texts_read(path), path.name, file_digest(path))
            version = cascade_register(
                small=small,
                full=full,
                share=share,
                sample=sample,
                name=options["name"],
                progress=self.progress,
            )
        low, high = share_interval(share, len(sample.texts))
        words = (
            f"registered {version} as {version.name}: of texts like these {len(sample.texts)}, "
            f"{share:.1%} go on to {full.name} ({low:.1%} to {high:.1%})"
        )
        values = {**version_values(version), "share": share, "share_interval": [low, high]}
        self.answer(values, words, as_json=options["json"])
