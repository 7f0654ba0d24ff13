"""``/api/v1/rollouts/`` and ``/api/v1/feedback/``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import user_of
from config.common.serializers import StrictSerializer, validated
from mlops.models import Rollout
from mlops.rollouts import serializers, services
from mlops.rollouts.feedback import feedback_give
from mlops.rollouts.pins import key_pin
from mlops.rollouts.planning import rollout_plan
from mlops.rollouts.presentation import RELATED, feedback_body, report_body, rollout_body
from mlops.rollouts.report import rollout_report
from mlops.rollouts.shapes import FEEDBACK, REPORT, ROLLOUT, ROLLOUTS
from mlops.rollouts.specs import spec_of
from mlops.views import OperationsView, as_api_errors, service_call

# The newest; older ones are in the admin.
MAX_LISTED = 200

_Post = TypeVar("_Post", bound=Callable[..., Response])


def _schema(name: str, body: type[StrictSerializer]) -> Callable[[_Post], _Post]:
    return extend_schema(
        operation_id=f"rollouts_{name}", request=body, responses=ROLLOUT, tags=["rollouts"]
    )


class RolloutsView(OperationsView):
    """``/api/v1/rollouts/``."""

    @extend_schema(operation_id="rollouts_list", responses=ROLLOUTS, tags=["rollouts"])
    def get(self, request: Request) -> Response:
        """The newest 200 rollouts."""
        rollouts = Rollout.objects.prefetch_related(*RELATED)[:MAX_LISTED]
        return Response({"rollouts": [rollout_body(rollout) for rollout in rollouts]})

    @extend_schema(
        operation_id="rollouts_create",
        request=serializers.RolloutCreateSerializer,
        responses={201: ROLLOUT},
        tags=["rollouts"],
    )
    def post(self, request: Request) -> Response:
        """A draft: nothing is routed before it is started."""
        data = validated(serializers.RolloutCreateSerializer, request.data)
        with as_api_errors():
            rollout = services.rollout_create(spec=spec_of(data), actor=user_of(request))
        return Response(rollout_body(rollout), status.HTTP_201_CREATED)


class RolloutDetailView(OperationsView):
    """``GET /api/v1/rollouts/<name>/``."""

    @extend_schema(operation_id="rollouts_read", responses=ROLLOUT, tags=["rollouts"])
    def get(self, request: Request, name: str) -> Response:
        """One rollout with its arms."""
        return Response(rollout_body(_rollout(name)))


class RolloutReportView(OperationsView):
    """``GET /api/v1/rollouts/<name>/report/``."""

    @extend_schema(operation_id="rollouts_report", responses=REPORT, tags=["rollouts"])
    def get(self, request: Request, name: str) -> Response:
        """Split, outcomes and verdicts since the weights last changed."""
        return Response(report_body(rollout_report(_rollout(name))))


class RolloutStartView(OperationsView):
    """``POST /api/v1/rollouts/<name>/start/``."""

    @_schema("start", serializers.ReasonSerializer)
    def post(self, request: Request, name: str) -> Response:
        """Route by a draft from now on."""
        return _changed(request, name, services.rollout_start, serializers.ReasonSerializer)


class RolloutRampView(OperationsView):
    """``POST /api/v1/rollouts/<name>/ramp/``."""

    @_schema("ramp", serializers.RampSerializer)
    def post(self, request: Request, name: str) -> Response:
        """Give one arm another share; comparisons start anew."""
        return _changed(request, name, services.rollout_ramp, serializers.RampSerializer)


class RolloutPauseView(OperationsView):
    """``POST /api/v1/rollouts/<name>/pause/``."""

    @_schema("pause", serializers.ArmReasonSerializer)
    def post(self, request: Request, name: str) -> Response:
        """Let production answer everybody, or the champion one arm's callers."""
        service = _either(services.rollout_pause, services.arm_pause)
        return _changed(request, name, service, serializers.ArmReasonSerializer)


class RolloutResumeView(OperationsView):
    """``POST /api/v1/rollouts/<name>/resume/``."""

    @_schema("resume", serializers.ArmReasonSerializer)
    def post(self, request: Request, name: str) -> Response:
        """Route by a paused rollout, or to a paused arm, again."""
        service = _either(services.rollout_resume, services.arm_resume)
        return _changed(request, name, service, serializers.ArmReasonSerializer)


class RolloutConcludeView(OperationsView):
    """``POST /api/v1/rollouts/<name>/conclude/``."""

    @_schema("conclude", serializers.ConcludeSerializer)
    def post(self, request: Request, name: str) -> Response:
        """End it; a winner is promoted in the same step."""
        return _changed(request, name, services.rollout_conclude, serializers.ConcludeSerializer)


class PlanView(OperationsView):
    """``GET /api/v1/rollouts/plan/``."""

    @extend_schema(
        operation_id="rollouts_plan",
        parameters=[serializers.PlanQuerySerializer],
        responses=serializers.PlanSerializer,
        tags=["rollouts"],
    )
    def get(self, request: Request) -> Response:
        """How long a comparison would take at the last day's traffic."""
        query = validated(serializers.PlanQuerySerializer, request.query_params.dict())
        with as_api_errors():
            plan, per_day = rollout_plan(**query)
        return Response(
            {
                "champion": plan.champion,
                "challenger": plan.challenger,
                "per_day": per_day,
                "days": None if plan.days is None else round(plan.days, 1),
            }
        )


class KeyPinView(OperationsView):
    """``POST /api/v1/keys/<id>/pin/``."""

    @extend_schema(
        operation_id="keys_pin",
        request=serializers.PinSerializer,
        responses=serializers.PinSerializer,
        tags=["keys"],
    )
    def post(self, request: Request, lookup_id: str) -> Response:
        """Let one version answer a key whatever rollouts say; within two seconds everywhere."""
        key = service_call(request, key_pin, serializers.PinSerializer, lookup_id=lookup_id)
        return Response({"model": key.pinned_model})


class FeedbackView(APIView):
    """``POST /api/v1/feedback/``."""

    required_scopes = ("emotions:write",)

    @extend_schema(
        operation_id="feedback_give",
        request=serializers.FeedbackSerializer,
        responses={201: FEEDBACK},
        tags=["feedback"],
    )
    def post(self, request: Request) -> Response:
        """Right labels, or thumbs up or down, for one of your predictions; once."""
        data = validated(serializers.FeedbackSerializer, request.data)
        thumbs = data.pop("thumbs", None)
        with as_api_errors():
            feedback = feedback_give(
                user=user_of(request),
                prediction_id=data.pop("prediction"),
                agrees=None if thumbs is None else thumbs == "up",
                **data,
            )
        return Response(feedback_body(feedback), status.HTTP_201_CREATED)


def _changed(
    request: Request, name: str, service: Callable[..., Rollout], body: type[StrictSerializer]
) -> Response:
    """The rollout as *service* leaves it."""
    return Response(rollout_body(service_call(request, service, body, rollout=_rollout(name))))


def _either(whole: Callable[..., Rollout], one: Callable[..., object]) -> Callable[..., Rollout]:
    """A service that does *one* to the arm that is named, else *whole* to the rollout."""

    def service(*, rollout: Rollout, arm: str, **rest: Any) -> Rollout:
        if not arm:
            return whole(rollout=rollout, **rest)
        one(arm=services.arm_named(rollout, arm), **rest)
        rollout.refresh_from_db()
        return rollout

    return service


def _rollout(name: str) -> Rollout:
    rollout = Rollout.objects.filter(name=name).first()
    if rollout is None:
        raise Http404(f"There is no rollout {name!r}.")
    return rollout
