"""Rollouts in the admin: the page of a running one, with its buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from mlops.admin.base import ReadOnlyAdmin, actor_of, badge
from mlops.admin.pictures import difference_bar
from mlops.admin.rollout_chart import split_chart
from mlops.admin.rollout_forms import PlanForm, RolloutForm
from mlops.errors import CodedError
from mlops.models import Feedback, Rollout, RolloutEvent
from mlops.rollouts import services
from mlops.rollouts.errors import RolloutError
from mlops.rollouts.presentation import RELATED, paired_body, rollout_body
from mlops.rollouts.report import ArmReport, rollout_report
from mlops.rollouts.timeline import timeline_of
from mlops.statistics.sequential import ClusterSums, Comparison

_EVENTS = 20


@admin.register(Rollout)
class RolloutAdmin(ReadOnlyAdmin):
    """The list, the form of a new one, and the page of each."""

    list_display = ("name", "state_badge", "arms_shown", "started_at", "concluded_at")
    list_filter = ("state",)
    search_fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Operators and owners."""
        return request.user.has_perm("mlops.add_rollout")

    @admin.display(description="state", ordering="state")
    def state_badge(self, rollout: Rollout) -> SafeString:
        """In its colour."""
        return badge(rollout.state)

    @admin.display(description="arms")
    def arms_shown(self, rollout: Rollout) -> str:
        """Names with their shares."""
        return _arms_line(rollout)

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the arms, which every row shows."""
        rows = super().get_queryset(request)
        return rows.prefetch_related(*RELATED)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A draft from a form; with the planner beside it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RolloutForm(request.POST or None)
        plan = PlanForm(request.GET if "baseline" in request.GET else None)
        if request.method == "POST" and form.is_valid():
            try:
                rollout = services.rollout_create(spec=form.spec(), actor=actor_of(request))
            except RolloutError as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, f"{rollout} is a draft now.", messages.SUCCESS)
                return HttpResponseRedirect(_page(rollout))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "New rollout",
            "form": form,
            "plan": plan,
            "planned": plan.words() if plan.is_valid() else "",
        }
        return TemplateResponse(request, "mlops/admin/rollout_new.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Split, outcomes and verdict; a POST is one of the buttons."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not object_id.isdecimal():
            raise Http404
        rollout = get_object_or_404(Rollout, pk=object_id)
        may_act = request.user.has_perm("mlops.change_rollout")
        if request.method == "POST":
            if not may_act:
                raise PermissionDenied
            self._act(request, rollout)
            return HttpResponseRedirect(_page(rollout))
        context = {
            **self.admin_site.each_context(request),
            **page_context(rollout),
            "opts": self.opts,
            "title": f"Rollout {rollout}",
            "may_act": may_act,
        }
        return TemplateResponse(request, "mlops/admin/rollout.html", context)

    def _act(self, request: HttpRequest, rollout: Rollout) -> None:
        action = _ACTIONS.get(request.POST.get("action", ""))
        if action is None:
            self.message_user(request, "There is no such step.", messages.ERROR)
            return
        by = {"actor": actor_of(request), "reason": request.POST.get("reason", "")[:500]}
        try:
            said = action(rollout, request.POST, by)
        except CodedError as error:
            self.message_user(request, str(error), messages.ERROR)
        except ValueError:
            self.message_user(request, "A share is a number, like 0.25.", messages.ERROR)
        else:
            self.message_user(request, said, messages.SUCCESS)


@admin.register(RolloutEvent)
class RolloutEventAdmin(ReadOnlyAdmin):
    """What happened to rollouts, by whom and why."""

    list_display = ("created_at", "rollout", "action", "arm", "actor", "reason")
    list_filter = ("action",)
    list_select_related = ("rollout", "arm__rollout", "actor")
    search_fields = ("rollout__name", "reason")


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    """What callers thought of answers."""

    list_display = ("created_at", "prediction_id", "agrees", "labels", "user", "comment")
    list_filter = ("agrees",)
    list_select_related = ("user",)
    search_fields = ("comment", "=prediction_id")


def page_context(rollout: Rollout) -> dict[str, Any]:
    """Everything that the page of *rollout* shows."""
    report = rollout_report(rollout)
    body = rollout_body(rollout)
    return {
        "rollout": rollout,
        "body": body,
        "report": report,
        "chart": split_chart(timeline_of(rollout)),
        "outcomes": [_outcome_row(each) for each in report.arms],
        "pairs": [
            {"name": each.outcome.arm.name, **paired_body(each.paired)}
            for each in report.arms
            if each.paired
        ],
        "rampable": [arm["name"] for arm in body["arms"] if not arm["champion"]],
        "events": rollout.events.select_related("arm__rollout", "actor")[:_EVENTS],
    }


def _outcome_row(report: ArmReport) -> dict[str, Any]:
    outcome = report.outcome
    comparisons = (
        ("agreement", report.agreement),
        ("errors", report.errors),
        ("without a label", report.unsure),
    )
    return {
        "arm": outcome.arm,
        "requests": outcome.requests,
        "subjects": outcome.subjects,
        "errors": _percent(outcome.errors),
        "unsure": _percent(outcome.unsure),
        "confidence": outcome.confidence.x / outcome.confidence.n if outcome.confidence.n else None,
        "agreement": _percent(outcome.agreement),
        "feedback": int(outcome.agreement.n),
        "quantiles": [report.quantiles[q] for q in sorted(report.quantiles)],
        "comparisons": [_comparison(name, compared) for name, compared in comparisons if compared],
        "latency": report.latency,
        "labels": sorted(outcome.labels.items(), key=lambda item: -item[1])[:5],
    }


def _comparison(name: str, compared: Comparison) -> dict[str, Any]:
    low, high, difference = (
        100 * value for value in (compared.low, compared.high, compared.difference)
    )
    # Fewer errors are better: the bar's colours are those of "more is better".
    turned = (low, high, difference) if name == "agreement" else (-high, -low, -difference)
    return {
        "name": name,
        "words": f"{difference:+.1f} points [{low:.1f}, {high:.1f}]",
        "bar": difference_bar(turned[0], turned[1], difference=turned[2]),
    }


def _percent(sums: ClusterSums) -> float | None:
    return 100 * sums.x / sums.n if sums.n else None


def _arms_line(rollout: Rollout) -> str:
    arms = rollout_body(rollout)["arms"]
    return ", ".join(f"{arm['name']} {arm['version']} {arm['share']:.0%}" for arm in arms)


def _page(rollout: Rollout) -> str:
    return reverse("admin:mlops_rollout_change", args=[rollout.pk])


def _start(rollout: Rollout, data: Any, by: dict[str, Any]) -> str:
    services.rollout_start(rollout=rollout, **by)
    return f"{rollout} runs."


def _ramp(rollout: Rollout, data: Any, by: dict[str, Any]) -> str:
    share = float(data.get("share", ""))
    services.rollout_ramp(rollout=rollout, arm=data.get("arm", ""), share=share, **by)
    return f"{data.get('arm')} has {share:.1%} now; comparisons start anew."


def _pause(rollout: Rollout, data: Any, by: dict[str, Any]) -> str:
    if data.get("arm"):
        services.arm_pause(arm=services.arm_named(rollout, data["arm"]), **by)
        return f"{data['arm']} is paused; its callers go to the champion."
    services.rollout_pause(rollout=rollout, **by)
    return f"{rollout} is paused; production answers everybody."


def _resume(rollout: Rollout, data: Any, by: dict[str, Any]) -> str:
    if data.get("arm"):
        services.arm_resume(arm=services.arm_named(rollout, data["arm"]), **by)
        return f"{data['arm']} has its callers back."
    services.rollout_resume(rollout=rollout, **by)
    return f"{rollout} runs again."


def _conclude(rollout: Rollout, data: Any, by: dict[str, Any]) -> str:
    winner = data.get("winner", "")
    services.rollout_conclude(rollout=rollout, winner=winner, **by)
    return f"{rollout} is concluded; " + (f"{winner} serves." if winner else "production stays.")


_ACTIONS: dict[str, Callable[[Rollout, Any, dict[str, Any]], str]] = {
    "start": _start,
    "ramp": _ramp,
    "pause": _pause,
    "resume": _resume,
    "conclude": _conclude,
}
