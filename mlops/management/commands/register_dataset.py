"""``manage.py register_dataset``: a labelled file that versions are measured on."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from mlops.management.base import MISUSED, ModelCommand
from mlops.services.datasets import dataset_refer, dataset_register


class Command(ModelCommand):
    """The first one becomes the reference of the promotion gates."""

    help = "Register a labelled file: TSV with label ids, or CSV with text and labels."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("file", type=Path, help="text<TAB>ids, or CSV with text and labels (joined by |).")
        add("--name", help="Default: the file's.")
        add("--split", default="test")
        add("--labels", type=Path, help="The names of the ids, one a line; TSV needs it.")
        add("--label-map", default="{}", help='JSON: {"its label": "the product\'s label"}.')
        add("--reference", action="store_true", help="Promotion gates compare on this one.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        file = self.file(options["file"])
        labels = self.file(options["labels"]) if options["labels"] else None
        try:
            label_map = json.loads(options["label_map"])
        except ValueError as error:
            raise CommandError(f"--label-map is not JSON: {error}", returncode=MISUSED) from error
        with self.errors():
            dataset = dataset_register(
                file=file,
                name=options["name"] or file.stem,
                split=options["split"],
                labels=labels,
                label_map=label_map,
            )
        if options["reference"]:
            dataset_refer(dataset=dataset)
        values = {
            "dataset": str(dataset),
            "digest": dataset.digest,
            "rows": dataset.rows,
            "labels": dataset.labels,
            "reference": dataset.reference,
        }
        words = f"registered {dataset}: {dataset.rows} rows, {len(dataset.labels)} labels"
        if dataset.reference:
            words += "; promotion gates compare on it"
        self.answer(values, words, as_json=options["json"])
