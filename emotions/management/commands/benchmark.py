"""``manage.py benchmark``: what the product costs on top of the bare model."""

from __future__ import annotations

import json
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from emotions.apps import routing_table, runtime_options
from emotions.benchmarks.bare import Bare, analyze_suite
from emotions.benchmarks.engine import engine_suite
from emotions.benchmarks.figures import Suite
from emotions.benchmarks.http import http_suite
from emotions.benchmarks.limits import overload_suite, startup_suite
from emotions.benchmarks.peers.suite import peers_suite
from emotions.benchmarks.report import plot_write, report_make, report_write
from emotions.benchmarks.shapes import SHAPES, shape_folder
from emotions.benchmarks.swap import swap_suite
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactError, NotReadyError
from mlops.routing.table import Serving

SUITES = ("engine", "http", "analyze", "overload", "startup", "swap", "peers")


class Command(BaseCommand):
    """Interleaved runs, medians with spread, ratios. Needs a quiet machine."""

    help = "Measure this installation against the bare model and other servers, in one run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("suites", nargs="+", choices=(*SUITES, "all"), metavar="suite")
        parser.add_argument(
            "--texts", type=Path, required=True, help="Texts: a TSV without header, text first."
        )
        parser.add_argument(
            "--device",
            choices=("auto", "cpu", "cuda", "mps"),
            help="Where the engine suite runs its model; INFERENCE_DEVICE if not given.",
        )
        parser.add_argument(
            "--shape",
            choices=SHAPES,
            default="production",
            help="Its model: the version in production, the embedded weights in PyTorch, or a "
            "random one as large as RoBERTa-base.",
        )
        parser.add_argument(
            "--count", type=int, default=10_000, help="Texts that it scores in bulk."
        )
        parser.add_argument("--peers", type=Path, help="Where make bench-peers has installed them.")
        parser.add_argument("--json", action="store_true", help="All figures on stdout.")
        parser.add_argument("--plot", type=Path, help="Write the ratios as an image.")
        parser.add_argument("--write", type=Path, help="Put the tables into this Markdown file.")

    def handle(self, *args: Any, **options: Any) -> None:
        names = SUITES if "all" in options["suites"] else options["suites"]
        measures = self._measures(options)
        suites, failed = [], []
        for name in names:
            started = time.perf_counter()
            try:
                suites.append(measures[name]())
            except (OSError, RuntimeError) as error:  # what the others measured is not lost
                failed.append(name)
                self.stderr.write(f"{name} failed: {error}")
            self.stderr.write(f"{name}: {time.perf_counter() - started:.0f} s")
        self._deliver(report_make(suites), options)
        if failed:
            message = f"not measured: {', '.join(failed)}; the reason stands above"
            raise CommandError(message, returncode=1)

    def _deliver(self, report: dict[str, Any], options: dict[str, Any]) -> None:
        if options["write"]:
            report_write(report, options["write"])
        if options["plot"]:
            plot_write(report, options["plot"])
        self.stdout.write(json.dumps(report, indent=2) if options["json"] else report["markdown"])

    def _measures(self, options: dict[str, Any]) -> dict[str, Callable[[], Suite]]:
        texts = _texts(options["texts"])
        bare = cache(lambda: Bare(_production().folder, runtime_options().budget("cpu")))
        data_dir = settings.DATA_DIR / "benchmark"
        peers = (options["peers"] or settings.DATA_DIR / "peers").resolve()
        return {
            "engine": lambda: _engine(options, texts),
            "http": lambda: http_suite(bare(), texts, data_dir),
            "analyze": lambda: analyze_suite(_classifier(), options["texts"]),
            "overload": lambda: overload_suite(texts, data_dir),
            "startup": lambda: startup_suite(texts, data_dir),
            "swap": lambda: swap_suite(texts, data_dir),
            "peers": lambda: peers_suite(bare(), texts, data_dir, peers, _production().folder),
        }


def _engine(options: dict[str, Any], texts: list[str]) -> Suite:
    runtime, shape = runtime_options(), options["shape"]
    if options["device"]:
        runtime = replace(runtime, device=options["device"])
    with tempfile.TemporaryDirectory() as temporary:
        if shape == "production":
            folder = _production().folder
        else:
            folder = shape_folder(shape, texts, Path(temporary))
        try:
            return engine_suite(folder, runtime, texts, count=options["count"], shape=shape)
        except ArtifactError as error:
            raise CommandError(str(error), returncode=1) from error


def _classifier() -> Classifier:
    return Classifier.load(_production().folder, runtime_options())


def _production() -> Serving:
    try:
        return routing_table().production
    except (NotReadyError, DatabaseError) as error:
        message = f"there is no version to measure ({error}); run manage.py setup first"
        raise CommandError(message, returncode=1) from error


def _texts(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}", returncode=2) from error
    texts = [text for text in (line.split("\t")[0].strip() for line in lines) if text]
    if len(texts) < 300:
        message = f"{path}: {len(texts)} texts; at least 300 are needed for a fair mixture."
        raise CommandError(message, returncode=2)
    return texts
