"""``manage.py simulate_peeking``: how often equal arms are called different."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mlops.statistics.simulation import PeekingPlan, peeking_simulate


class Command(BaseCommand):
    """Simulates rollouts and looks at the statistics all the time, as people do."""

    help = "False alarms (or, with --effect, decisions) of the rollout statistics under peeking."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        add, default = parser.add_argument, PeekingPlan()
        add("--simulations", type=int, default=default.simulations)
        add("--requests", type=int, default=default.requests, help="of one simulation")
        add("--every", type=int, default=default.every, help="requests between two looks")
        add("--rate", type=float, default=default.rate, help="of the champion's outcome")
        add("--share", type=float, default=default.share, help="of the challenger")
        add("--effect", type=float, default=default.effect, help="what the challenger adds")
        add("--seed", type=int, default=default.seed)
        add("--json", action="store_true", help="the figures only")

    def handle(self, *args: Any, **options: Any) -> None:
        names = PeekingPlan.__dataclass_fields__
        plan = PeekingPlan(**{name: options[name] for name in names})
        _check(plan)
        result = peeking_simulate(plan)
        if options["json"]:
            self.stdout.write(json.dumps({"plan": asdict(plan), **asdict(result)}))
            return
        what = "decisions" if plan.effect else "false alarms"
        self.stdout.write(
            f"{plan.simulations:,} simulations of {plan.requests:,} requests, "
            f"a look after every {plan.every:,}\n"
            f"  {what} of the sequential comparison  {result.sequential:.1%}\n"
            f"  {what} of a fixed test at 5 %        {result.fixed:.1%}"
        )
        if result.median_look is not None:
            self.stdout.write(f"  decided after {result.median_look:,.0f} requests (median)")


def _check(plan: PeekingPlan) -> None:
    for name in ("simulations", "requests", "every"):
        if getattr(plan, name) < 1:
            raise CommandError(f"--{name} must be at least 1", returncode=2)
    for name, value in (("rate", plan.rate), ("share", plan.share)):
        if not 0 < value < 1:
            raise CommandError(f"--{name} must be between 0 and 1", returncode=2)
    if not 0 <= plan.rate + plan.effect <= 1:
        raise CommandError("--rate and --effect together must be from 0 to 1", returncode=2)
    if plan.every > plan.requests:
        raise CommandError("--every must not be more than --requests", returncode=2)
