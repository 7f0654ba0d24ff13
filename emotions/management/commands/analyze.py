"""``manage.py analyze FILE``: the emotions of every row of a file."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import OperationalError, ProgrammingError
from tqdm import tqdm

from emotions.analysis.partial import Partial, PartialError
from emotions.analysis.plot import summary_plot
from emotions.analysis.readers import (
    BadRow,
    InputError,
    Source,
    rows_count,
    rows_read,
    source_of,
)
from emotions.analysis.run import rows_keep, rows_score
from emotions.analysis.summary import Summary
from emotions.analysis.writers import OutputError, output_check, output_write
from emotions.apps import routing_table, runtime_options
from emotions.placement import cores
from mlops.inference.classifier import Classifier
from mlops.inference.errors import ArtifactError, NotReadyError

MISUSE = 2
INTERRUPTED = 130


class Command(BaseCommand):
    """Progress and bad rows go to stderr, the summary to stdout."""

    help = "Score the rows of a CSV, TSV, JSONL or plain text file with the serving model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--column", help="Name of the text column, or its number from 1.")
        parser.add_argument("--format", choices=("csv", "tsv", "jsonl", "text"))
        parser.add_argument("--no-header", action="store_true", help="CSV and TSV: data at once.")
        parser.add_argument("--output", type=Path, help="Results as .csv, .jsonl or .parquet.")
        parser.add_argument("--resume", action="store_true", help="Go on after an interruption.")
        parser.add_argument("--plot", type=Path, help="Picture of the summary (.png, .svg, .pdf).")
        parser.add_argument("--json", action="store_true", help="The summary as JSON.")
        parser.add_argument("--strict", action="store_true", help="Exit 1 if a row was skipped.")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            source = _source(options)
            summary = self._run(source, options)
        except (InputError, OutputError, PartialError) as error:
            raise CommandError(str(error), returncode=MISUSE) from error
        if options["plot"]:
            summary_plot(summary, options["plot"], title=source.path.name)
        text = json.dumps(summary.as_dict(), indent=2) if options["json"] else summary.as_table()
        self.stdout.write(text)
        if options["strict"] and summary.bad_rows:
            sys.exit(1)

    def _run(self, source: Source, options: dict[str, Any]) -> Summary:
        output: Path | None = options["output"]
        classifier = _classifier()
        summary = Summary(classifier.manifest.product_labels)
        progress = tqdm(
            total=rows_count(source),
            unit="rows",
            smoothing=0.1,
            disable=options["no_progress"],
        )

        def on_bad(row: BadRow) -> None:
            summary.bad_rows += 1
            place = f"{source.path}:{row.line}: column {row.column!r}"
            progress.write(f"{place}: {row.problem} Row {row.number} skipped.", file=sys.stderr)

        with progress:
            if output is None:
                for chunk in rows_score(rows_read(source), classifier, on_bad=on_bad):
                    _advance(summary, progress, chunk)
                return summary
            path = output.with_name(f"{output.name}.partial")
            run = {**_identity(source), "model": classifier.digest}
            with Partial(path, run, resume=options["resume"]) as partial:
                _advance(summary, progress, partial.results())
                try:
                    for chunk in rows_keep(rows_read(source), classifier, partial, on_bad=on_bad):
                        _advance(summary, progress, chunk)
                except KeyboardInterrupt:
                    progress.close()
                    message = f"Interrupted after {summary.rows} rows; go on with --resume."
                    raise CommandError(message, returncode=INTERRUPTED) from None
                output_write(output, partial.results(), classifier.manifest.product_labels)
            path.unlink()
        return summary


def _source(options: dict[str, Any]) -> Source:
    if options["output"]:
        output_check(options["output"])
    elif options["resume"]:
        raise OutputError("--resume needs the --output of the interrupted run")
    return source_of(
        options["file"],
        format=options["format"],
        column=options["column"],
        header=not options["no_header"],
    )


def _identity(source: Source) -> dict[str, Any]:
    """What must be the same for a run to go on."""
    return {
        "file": str(source.path.resolve()),
        "bytes": source.path.stat().st_size,
        "format": source.format,
        "column": source.column,
        "header": source.header,
    }


def _advance(summary: Summary, progress: Any, results: Any) -> None:
    before = summary.rows
    for result in results:
        summary.add(result)
    progress.update(summary.rows - before)


def _classifier() -> Classifier:
    """The serving model with all cores: nobody else is served by this process."""
    from dataclasses import replace

    try:
        return Classifier.load(
            routing_table().production.folder, replace(runtime_options(), threads=cores())
        )
    except (OperationalError, ProgrammingError) as error:
        raise CommandError("The database is not prepared; run manage.py setup first.") from error
    except NotReadyError as error:
        raise CommandError(str(error)) from error
    except ArtifactError as error:
        raise CommandError(f"The model is not usable: {error}") from error
