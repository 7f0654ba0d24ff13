"""``manage.py register_model``: bring a model of your own."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from mlops.management.base import ModelCommand, version_values
from mlops.services.registration import Registration, model_register, overrides_parse
from mlops.storage import blob_save


class Command(ModelCommand):
    """Takes an artifact, or what ``save_pretrained`` leaves; safetensors only."""

    help = "Register a model: a folder, an archive, or with --revision a repository of the hub."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("source", help="A folder, an archive, or with --revision a repository of the hub.")
        add("--revision", default="", help="The repository's commit, 40 hexadecimal digits.")
        add(
            "--name",
            default="",
            help="Default: the source's last part; an artifact has its own.",
        )
        add("--task", default="", help="What it classifies; default: emotion.")
        add("--draft", action="store_true", help="Not to be promoted before it is validated.")
        add("--labels", nargs="+", metavar="LABEL", help="Names of the outputs, in their order.")
        add("--label-map", default="", help='JSON: {"its label": "the product\'s label"}.')
        add("--activation", choices=("sigmoid", "softmax"), help="Default: the configuration's.")
        add("--max-length", type=int, help="Tokens of a window; default: the model's.")
        add("--threshold", type=float, nargs="+", help="One for all labels, or one each.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source = Path(options["source"])
        with self.errors():
            registration = Registration(
                source=options["source"],
                name=options["name"],
                revision=options["revision"],
                upload=blob_save(source) if source.is_file() else "",
                task=options["task"],
                draft=options["draft"],
                overrides=overrides_parse(
                    {
                        "labels": options["labels"],
                        "label_map": options["label_map"],
                        "activation": options["activation"],
                        "max_length": options["max_length"],
                        "thresholds": options["threshold"],
                    }
                ),
            )
            version = model_register(registration=registration, progress=self.progress)
        words = f"registered {version} as {version.name}"
        self.answer(version_values(version), words, as_json=options["json"])
