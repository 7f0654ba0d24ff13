"""``manage.py benchmark``: what the product costs on top of the bare model."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emotions.apps import runtime_options, serving_version
from emotions.benchmark import analyze_throughput, http_latency
from mlops.inference.classifier import Classifier


class Command(BaseCommand):
    """Interleaved runs, medians with spread, ratios. Needs a quiet machine."""

    help = "Measure HTTP latency or analyze throughput against the bare model, in one run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("suite", choices=("http", "analyze"))
        parser.add_argument("file", type=Path, help="Texts: a TSV without header, text first.")
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="A running server.")
        parser.add_argument("--key", default=os.environ.get("VALENCE_API_KEY", ""))
        parser.add_argument("--requests", type=int, default=500)
        parser.add_argument("--rounds", type=int, default=3)

    def handle(self, *args: Any, **options: Any) -> None:
        classifier = Classifier.load(serving_version().folder, runtime_options())
        if options["suite"] == "http":
            if not options["key"]:
                raise CommandError("The http suite needs --key or VALENCE_API_KEY.", returncode=2)
            texts = [line.split("\t")[0] for line in options["file"].open(encoding="utf-8")]
            texts = texts[: options["requests"]]
            result = http_latency(classifier, texts, url=options["url"], key=options["key"])
        else:
            result = analyze_throughput(classifier, options["file"], rounds=options["rounds"])
        self.stdout.write(json.dumps(result.as_dict(), indent=2))
