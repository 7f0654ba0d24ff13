"""``manage.py compare_models``: is one version better than another, and how sure is that?"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from mlops.management.base import FAILED, VERSION_HELP, ModelCommand
from mlops.models import Dataset, Evaluation, ModelVersion
from mlops.selectors import dataset_reference, evaluation_latest
from mlops.services.evaluations import evaluations_compare, version_evaluate


class Command(ModelCommand):
    """Both are evaluated first where they are not yet."""

    help = "Compare a version with another on the same rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("candidate", help=VERSION_HELP)
        parser.add_argument("champion", help=VERSION_HELP)
        parser.add_argument("--dataset", help="NAME or NAME:SPLIT; default: the reference.")
        self.json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        versions = [self.version(options[name]) for name in ("candidate", "champion")]
        name = options["dataset"]
        dataset = self.dataset(name) if name else dataset_reference()
        if dataset is None:
            raise CommandError("no data set is registered", returncode=FAILED)
        with self.errors():
            candidate, champion = (self._evaluation(each, dataset) for each in versions)
            found = evaluations_compare(candidate=candidate, champion=champion)
        self.answer(found, _words(found), as_json=options["json"])

    def _evaluation(self, version: ModelVersion, dataset: Dataset) -> Evaluation:
        known = evaluation_latest(version, dataset)
        if known and known.outputs_digest:
            return known
        self.stderr.write(f"evaluating {version}")
        return version_evaluate(version=version, dataset=dataset, progress=self.progress)


def _words(found: dict[str, Any]) -> str:
    lines = [f"{found['candidate']} against {found['champion']} on {found['data']}"]
    for name, figures in found["figures"].items():
        line = f"  {name:18} {figures['champion']:.4f} -> {figures['candidate']:.4f}"
        interval = found["intervals"].get(name)
        if interval:
            line += f"  ({figures['difference']:+.4f}, {found['level']:.0%} within "
            line += f"{interval[0]:+.4f} to {interval[1]:+.4f})"
        lines.append(line)
    lines.append(f"  {found['decisions_changed']:.2%} of the decisions changed")
    lines.append(f"  p95 latency x {found['latency_p95_ratio']}, size x {found['size_ratio']}")
    losses = [f"{row['label']} {row['difference']:+.3f}" for row in found["labels"][:3]]
    lines.append(f"  largest losses: {', '.join(losses)}")
    return "\n".join(lines)
