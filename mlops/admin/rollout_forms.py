"""The form of a new rollout, with the planner beside it."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from mlops.models import ModelVersion
from mlops.rollouts.constants import EVERYONE, Unit
from mlops.rollouts.planning import rollout_plan
from mlops.rollouts.validation import ArmSpec, RolloutSpec
from mlops.selectors import version_serving, versions_visible
from mlops.statistics.planner import PlanError

# 1 % for an hour, 5 % for four, then a day each.
RAMP = (
    {"share": 0.01, "minutes": 60},
    {"share": 0.05, "minutes": 240},
    {"share": 0.25, "minutes": 1440},
    {"share": 0.5, "minutes": 1440},
)


def _number(**options: Any) -> Any:
    return forms.FloatField(widget=UnfoldAdminTextInputWidget(attrs={"size": 8}), **options)


class RolloutForm(forms.Form):
    """A champion, a challenger and, if wished, a shadow; more arms by API or command."""

    template_name = "mlops/admin/form.html"

    name = forms.SlugField(widget=UnfoldAdminTextInputWidget(), max_length=100)
    champion = forms.ModelChoiceField(ModelVersion.objects.none(), widget=UnfoldAdminSelectWidget())
    challenger = forms.ModelChoiceField(
        ModelVersion.objects.none(), widget=UnfoldAdminSelectWidget(), required=False
    )
    share = _number(
        initial=0.05, help_text="Of the challenger, 0 to below 1; with the ramp its first step's."
    )
    ramp = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="1 % for an hour, 5 % for four hours, 25 % and 50 % for a day each.",
    )
    shadow = forms.ModelChoiceField(
        ModelVersion.objects.none(), widget=UnfoldAdminSelectWidget(), required=False
    )
    sample = _number(initial=1.0, help_text="Share of the requests that the shadow sees.")
    unit = forms.ChoiceField(
        choices=Unit.choices, initial=Unit.SUBJECT, widget=UnfoldAdminSelectWidget()
    )
    scopes = forms.CharField(
        initial=EVERYONE,
        widget=UnfoldAdminTextInputWidget(),
        help_text="everyone, or tier:NAME and key:ID with commas.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("champion", "challenger", "shadow"):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = versions_visible()
        self.fields["champion"].initial = version_serving()

    def spec(self) -> RolloutSpec:
        """What was asked for; the services look at whether it makes sense."""
        data = self.cleaned_data
        share = data["share"]
        arms = [ArmSpec("champion", data["champion"], 1 - share, champion=True)]
        if data["challenger"]:
            arms.append(ArmSpec("challenger", data["challenger"], share))
        if data["shadow"]:
            arms.append(ArmSpec("shadow", data["shadow"], data["sample"], mode="shadow"))
        return RolloutSpec(
            name=data["name"],
            arms=arms,
            scopes=[scope.strip() for scope in data["scopes"].split(",")],
            unit=data["unit"],
            schedule=RAMP if data["ramp"] else (),
        )


class PlanForm(forms.Form):
    """What a comparison should be able to find."""

    template_name = "mlops/admin/form.html"

    baseline = _number(initial=0.8, help_text="The champion's rate, 0 to 1.")
    effect = _number(initial=0.03, help_text="The difference worth finding.")
    power = _number(initial=0.8, help_text="How likely it should be found.")
    plan_share = _number(initial=0.5, label="Share", help_text="Of the challenger.")
    outcome = forms.ChoiceField(
        choices=(("agreement", "agreement of feedback"), ("answers", "a rate of all answers")),
        widget=UnfoldAdminSelectWidget(),
    )

    def words(self) -> str:
        """The plan in a sentence, or why there is none."""
        data = dict(self.cleaned_data)
        try:
            plan, per_day = rollout_plan(share=data.pop("plan_share"), **data)
        except PlanError as error:
            return str(error)
        total = plan.champion + plan.challenger
        days = f"{plan.days:.1f} days" if plan.days is not None else "no such traffic yet"
        return (
            f"{total:,} answers with an outcome, {plan.challenger:,} of them the challenger's; "
            f"at {per_day:,} a day: {days}."
        )
