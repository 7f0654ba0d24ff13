"""``manage.py rollout``: make, watch, ramp, pause and conclude rollouts."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rest_framework.exceptions import ValidationError

from mlops.errors import CodedError
from mlops.management.base import FAILED, MISUSED, ModelCommand
from mlops.models import Rollout
from mlops.rollouts import services
from mlops.rollouts.planning import rollout_plan
from mlops.rollouts.presentation import RELATED, report_body, rollout_body
from mlops.rollouts.report import rollout_report
from mlops.rollouts.serializers import RolloutCreateSerializer
from mlops.rollouts.specs import spec_of
from mlops.statistics.planner import PlanError


class Command(ModelCommand):
    """The same services as the API's and the admin's."""

    help = "Rollouts: list, show, create, start, ramp, pause, resume, conclude, plan."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        self._parser(actions, "list", "all rollouts")
        self._named(actions, "show", "arms, outcomes and verdicts")
        create = self._parser(actions, "create", "a draft from a JSON file, as the API takes it")
        create.add_argument("file", type=Path)
        self._named(actions, "start", "route by a draft")
        ramp = self._named(actions, "ramp", "give an arm another share")
        ramp.add_argument("arm")
        ramp.add_argument("share", type=float)
        for action in ("pause", "resume"):
            self._named(actions, action, "a rollout, or one arm").add_argument("--arm")
        conclude = self._named(actions, "conclude", "end it")
        conclude.add_argument("--winner", default="", help="the arm whose version is promoted")
        plan = self._parser(actions, "plan", "how long a comparison would take")
        plan.add_argument("--baseline", type=float, required=True)
        plan.add_argument("--effect", type=float, required=True)
        plan.add_argument("--power", type=float, default=0.8)
        plan.add_argument("--share", type=float, default=0.5)
        plan.add_argument("--outcome", choices=("agreement", "answers"), default="agreement")

    def handle(self, *args: Any, **options: Any) -> None:
        actions: dict[str, Callable[[dict[str, Any]], tuple[Any, str]]] = {
            "list": self._list,
            "show": self._show,
            "create": self._create,
            "plan": self._plan,
        }
        act = actions.get(options["action"], self._change)
        try:
            values, words = act(options)
        except (PlanError, ValidationError) as error:
            raise CommandError(str(error), returncode=MISUSED) from error
        except CodedError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        self.stdout.write(json.dumps(values, default=str) if options["json"] else words)

    def _parser(self, actions: Any, name: str, help_: str) -> ArgumentParser:
        parser: ArgumentParser = actions.add_parser(name, help=help_)
        self.json_argument(parser)
        return parser

    def _named(self, actions: Any, name: str, help_: str) -> ArgumentParser:
        parser = self._parser(actions, name, help_)
        parser.add_argument("name")
        if name != "show":
            parser.add_argument("--reason", default="", help="kept with the event")
        return parser

    def _list(self, options: dict[str, Any]) -> tuple[Any, str]:
        bodies = [rollout_body(rollout) for rollout in Rollout.objects.prefetch_related(*RELATED)]
        return bodies, "\n".join(map(_line, bodies)) or "no rollouts"

    def _show(self, options: dict[str, Any]) -> tuple[Any, str]:
        rollout = _rollout(options["name"])
        body, report = rollout_body(rollout), report_body(rollout_report(rollout))
        lines = [_line(body), *(_arm_line(each) for each in report["arms"]), *report["verdicts"]]
        return body | {"report": report}, "\n".join(lines)

    def _create(self, options: dict[str, Any]) -> tuple[Any, str]:
        try:
            data = json.loads(options["file"].read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['file']}: {error}", returncode=MISUSED) from error
        serializer = RolloutCreateSerializer(data=data)
        serializer.is_valid(raise_exception=True)
        rollout = services.rollout_create(spec=spec_of(serializer.validated_data))
        return _both(rollout)

    def _change(self, options: dict[str, Any]) -> tuple[Any, str]:
        rollout, action = _rollout(options["name"]), options["action"]
        reason = {"reason": options["reason"]}
        if options.get("arm") and action in ("pause", "resume"):
            arm = services.arm_named(rollout, options["arm"])
            switch = services.arm_pause if action == "pause" else services.arm_resume
            switch(arm=arm, **reason)
        elif action == "ramp":
            services.rollout_ramp(
                rollout=rollout, arm=options["arm"], share=options["share"], **reason
            )
        elif action == "conclude":
            services.rollout_conclude(rollout=rollout, winner=options["winner"], **reason)
        else:
            getattr(services, f"rollout_{action}")(rollout=rollout, **reason)
        return _both(_rollout(options["name"]))

    def _plan(self, options: dict[str, Any]) -> tuple[Any, str]:
        names = ("baseline", "effect", "power", "share", "outcome")
        plan, per_day = rollout_plan(**{name: options[name] for name in names})
        total = plan.champion + plan.challenger
        days = f"{plan.days:.1f} days" if plan.days is not None else "no such traffic yet"
        values = {
            "champion": plan.champion,
            "challenger": plan.challenger,
            "per_day": per_day,
            "days": plan.days,
        }
        return values, f"{total:,} answers with an outcome; {per_day:,} a day: {days}"


def _rollout(name: str) -> Rollout:
    rollout = Rollout.objects.filter(name=name).first()
    if rollout is None:
        known = ", ".join(Rollout.objects.values_list("name", flat=True)[:20])
        raise CommandError(f"no rollout {name!r}; there are: {known or 'none'}", returncode=MISUSED)
    return rollout


def _both(rollout: Rollout) -> tuple[Any, str]:
    body = rollout_body(rollout)
    return body, _line(body)


def _line(body: dict[str, Any]) -> str:
    arms = ", ".join(
        f"{arm['name']} {arm['version']} {arm['share']:.1%}"
        + (" shadow" if arm["mode"] == "shadow" else "")
        + (" paused" if arm["paused_at"] else "")
        for arm in body["arms"]
    )
    return f"{body['name']}  {body['state']}  {' '.join(body['scopes'])}  {arms}"


def _arm_line(arm: dict[str, Any]) -> str:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    return (
        f"  {arm['arm']:16} {arm['requests']:>8,} requests {arm['subjects']:>7,} subjects  "
        f"errors {shown(arm['error_rate'])}  agreement {shown(arm['agreement'])}  "
        f"p95 {arm['latency_ms']['p95']} ms"
    )
