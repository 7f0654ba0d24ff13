"""``manage.py evaluate_model``: every figure of a model on a labelled file."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from mlops.evaluation.report import report_html
from mlops.evaluation.runner import DEFAULT_ROLLUP, EvaluationFiles, evaluation_run
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactError
from mlops.management.base import FAILED, MISUSED, ModelCommand
from mlops.models import ModelVersion
from mlops.services.evaluations import evaluation_record, version_evaluate
from mlops.training.data import DataFormatError


class Command(ModelCommand):
    """Scores a labelled file; a registered version's figures are kept as an evaluation."""

    help = "Measure a model (a folder, NAME or NAME:NUMBER) on a labelled file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("model", metavar="MODEL", help="artifact folder, or a registered NAME or NAME:NUMBER")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument(
            "--data", type=Path, help="TSV as GoEmotions', or CSV with group columns"
        )
        where.add_argument("--dataset", help="a registered data set, NAME or NAME:SPLIT")
        add("--labels", type=Path, help="the file's label names, one a line (default: the model's)")
        add("--rollups", type=Path, help="JSON {taxonomy: {group: [labels]}} to score as well")
        add("--rollup", default=DEFAULT_ROLLUP, help="the taxonomy of a CSV file's columns")
        add("--report", type=Path, metavar="FILE.html", help="write a report with pictures")
        add("--json", action="store_true", help="all figures instead of a summary")

    def handle(self, *args: Any, **options: Any) -> None:
        version, folder = self.model(options["model"])
        if options["dataset"]:
            self._registered(version, options)
            return
        files = EvaluationFiles(
            options["data"], options["labels"], options["rollups"], options["rollup"]
        )
        self._paths_check(files)
        self.stderr.write(f"scoring {files.data}")
        try:
            result = evaluation_run(Classifier.load(folder), files)
        except (ArtifactError, DataFormatError) as error:
            raise CommandError(str(error), returncode=FAILED) from error
        if result["fitted_on_this_file"]:
            self.stderr.write("note: the model was fitted on this file; its figures flatter")
        if version is not None:
            evaluation_record(version=version, result=result)
        if options["report"]:
            self._report_write(options["report"], result)
        self._answer(result, as_json=options["json"])

    def _registered(self, version: ModelVersion | None, options: dict[str, Any]) -> None:
        """As the admin does it: in a process of its own, rows kept for comparisons."""
        if version is None:
            raise CommandError("--dataset needs a registered version", returncode=MISUSED)
        dataset = self.dataset(options["dataset"])
        with self.errors():
            evaluation = version_evaluate(version=version, dataset=dataset, progress=self.progress)
        if options["report"]:
            self._report_write(options["report"], evaluation.result)
        self._answer(evaluation.result, as_json=options["json"])

    def _paths_check(self, files: EvaluationFiles) -> None:
        named = {"data": files.data, "labels": files.labels, "rollups": files.rollups}
        missing = [f"--{name} {path}" for name, path in named.items() if path and not path.exists()]
        if missing:
            raise CommandError(f"no such file: {', '.join(missing)}", returncode=MISUSED)

    def _report_write(self, path: Path, result: dict[str, Any]) -> None:
        if "overall" not in result:
            raise CommandError("--report needs a file with labels, not groups", returncode=MISUSED)
        page = report_html(result, model=result["model"], data=result["data"]["name"])
        try:
            path.write_text(page, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", returncode=FAILED) from error

    def _answer(self, result: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result, ensure_ascii=False))
            return
        self.stdout.write(f"{result['model']} ({result['precision']}), {result['texts']} texts")
        for name, value in result.get("overall", {}).items():
            low, high = result["intervals"].get(name, (None, None))
            self.stdout.write(
                f"  {name:24} {value}" + (f"  [{low}, {high}]" if low is not None else "")
            )
        for name, rollup in result["rollups"].items():
            self.stdout.write(
                f"  {name}: macro-F1 {rollup['f1_macro']}, micro-F1 {rollup['f1_micro']}"
            )
