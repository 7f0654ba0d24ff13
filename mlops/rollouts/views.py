"""``/api/v1/rollouts/`` and ``/api/v1/feedback/``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as drf
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import user_of
from config.common.serializers import validated
from mlops.inference.errors import ArtifactError
from mlops.models import Rollout
from mlops.rollouts import serializers, services
from mlops.rollouts.errors import (
    FeedbackNotFoundError,
    FeedbackTwiceError,
    RolloutConflictError,
    RolloutError,
)
from mlops.rollouts.feedback import feedback_give
from mlops.rollouts.pins import KeyNotFoundError, key_pin
from mlops.rollouts.planning import rollout_plan
from mlops.rollouts.presentation import feedback_body, report_body, rollout_body
from mlops.rollouts.report import rollout_report
from mlops.rollouts.shapes import FEEDBACK, REPORT, ROLLOUT, ROLLOUTS
from mlops.rollouts.specs import spec_of
from mlops.services.errors import GateError, IllegalTransitionError
from mlops.statistics.planner import PlanError

# The newest; older ones are in the admin.
MAX_LISTED = 200


class ConflictError(APIException):
    """Right in itself, but not in the present state of things."""

    status_code = status.HTTP_409_CONFLICT


class RolloutView(APIView):
    """Reading needs ``models:read``, changing ``models:write``."""

    @property
    def required_scopes(self) -> tuple[str, ...]:
        """By the method."""
        reads = self.request is None or self.request.method in ("GET", "HEAD", "OPTIONS")
        return ("models:read",) if reads else ("models:write",)


class RolloutsView(RolloutView):
    """``/api/v1/rollouts/``."""

    @extend_schema(operation_id="rollouts_list", responses=ROLLOUTS, tags=["rollouts"])
    def get(self, request: Request) -> Response:
        """The newest 200 rollouts."""
        rollouts = Rollout.objects.prefetch_related("scopes")[:MAX_LISTED]
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
        with _as_api_errors():
            rollout = services.rollout_create(spec=spec_of(data), actor=user_of(request))
        return Response(rollout_body(rollout), status.HTTP_201_CREATED)


class RolloutDetailView(RolloutView):
    """``GET /api/v1/rollouts/<name>/``."""

    @extend_schema(operation_id="rollouts_read", responses=ROLLOUT, tags=["rollouts"])
    def get(self, request: Request, name: str) -> Response:
        """One rollout with its arms."""
        return Response(rollout_body(_rollout(name)))


class RolloutReportView(RolloutView):
    """``GET /api/v1/rollouts/<name>/report/``."""

    @extend_schema(operation_id="rollouts_report", responses=REPORT, tags=["rollouts"])
    def get(self, request: Request, name: str) -> Response:
        """Split, outcomes and verdicts since the weights last changed."""
        return Response(report_body(rollout_report(_rollout(name))))


class RolloutStartView(RolloutView):
    """``POST /api/v1/rollouts/<name>/start/``."""

    @extend_schema(
        operation_id="rollouts_start",
        request=serializers.ReasonSerializer,
        responses=ROLLOUT,
        tags=["rollouts"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Route by a draft from now on."""
        data = validated(serializers.ReasonSerializer, request.data)
        with _as_api_errors():
            rollout = services.rollout_start(rollout=_rollout(name), actor=user_of(request), **data)
        return Response(rollout_body(rollout))


class RolloutRampView(RolloutView):
    """``POST /api/v1/rollouts/<name>/ramp/``."""

    @extend_schema(
        operation_id="rollouts_ramp",
        request=serializers.RampSerializer,
        responses=ROLLOUT,
        tags=["rollouts"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Give one arm another share; comparisons start anew."""
        data = validated(serializers.RampSerializer, request.data)
        with _as_api_errors():
            rollout = services.rollout_ramp(rollout=_rollout(name), actor=user_of(request), **data)
        return Response(rollout_body(rollout))


class RolloutPauseView(RolloutView):
    """``POST /api/v1/rollouts/<name>/pause/``."""

    @extend_schema(
        operation_id="rollouts_pause",
        request=serializers.ArmReasonSerializer,
        responses=ROLLOUT,
        tags=["rollouts"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Let production answer everybody, or the champion one arm's callers."""
        data = validated(serializers.ArmReasonSerializer, request.data)
        return _switch(request, name, data, services.rollout_pause, services.arm_pause)


class RolloutResumeView(RolloutView):
    """``POST /api/v1/rollouts/<name>/resume/``."""

    @extend_schema(
        operation_id="rollouts_resume",
        request=serializers.ArmReasonSerializer,
        responses=ROLLOUT,
        tags=["rollouts"],
    )
    def post(self, request: Request, name: str) -> Response:
        """Route by a paused rollout, or to a paused arm, again."""
        data = validated(serializers.ArmReasonSerializer, request.data)
        return _switch(request, name, data, services.rollout_resume, services.arm_resume)


class RolloutConcludeView(RolloutView):
    """``POST /api/v1/rollouts/<name>/conclude/``."""

    @extend_schema(
        operation_id="rollouts_conclude",
        request=serializers.ConcludeSerializer,
        responses=ROLLOUT,
        tags=["rollouts"],
    )
    def post(self, request: Request, name: str) -> Response:
        """End it; a winner is promoted in the same step."""
        data = validated(serializers.ConcludeSerializer, request.data)
        with _as_api_errors():
            rollout = services.rollout_conclude(
                rollout=_rollout(name), actor=user_of(request), **data
            )
        return Response(rollout_body(rollout))


class PlanView(RolloutView):
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
        try:
            plan, per_day = rollout_plan(**query)
        except PlanError as error:
            raise drf.ValidationError(str(error), code="plan_impossible") from error
        return Response(
            {
                "champion": plan.champion,
                "challenger": plan.challenger,
                "per_day": per_day,
                "days": None if plan.days is None else round(plan.days, 1),
            }
        )


class KeyPinView(RolloutView):
    """``POST /api/v1/keys/<id>/pin/``."""

    @extend_schema(
        operation_id="keys_pin",
        request=serializers.PinSerializer,
        responses=serializers.PinSerializer,
        tags=["keys"],
    )
    def post(self, request: Request, lookup_id: str) -> Response:
        """Let one version answer a key whatever rollouts say; within two seconds everywhere."""
        data = validated(serializers.PinSerializer, request.data)
        with _as_api_errors():
            key = key_pin(lookup_id=lookup_id, actor=user_of(request), **data)
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
        with _as_api_errors():
            feedback = feedback_give(
                user=user_of(request),
                prediction_id=data.pop("prediction"),
                agrees=None if thumbs is None else thumbs == "up",
                **data,
            )
        return Response(feedback_body(feedback), status.HTTP_201_CREATED)


def _switch(request: Request, name: str, data: Any, whole: Any, one: Any) -> Response:
    rollout = _rollout(name)
    arm_name = data.pop("arm")
    with _as_api_errors():
        if arm_name:
            arm = services.arm_named(rollout, arm_name)
            one(arm=arm, actor=user_of(request), **data)
            rollout.refresh_from_db()
        else:
            rollout = whole(rollout=rollout, actor=user_of(request), **data)
    return Response(rollout_body(rollout))


def _rollout(name: str) -> Rollout:
    rollout = Rollout.objects.filter(name=name).first()
    if rollout is None:
        raise Http404(f"There is no rollout {name!r}.")
    return rollout


@contextmanager
def _as_api_errors() -> Iterator[None]:
    """What a service finds wrong, in the API's shape."""
    try:
        yield
    except (FeedbackNotFoundError, KeyNotFoundError) as error:
        raise NotFound(str(error), code=error.code) from error
    except (RolloutConflictError, FeedbackTwiceError) as error:
        raise ConflictError(str(error), code=error.code) from error
    except RolloutError as error:
        detail = ErrorDetail(str(error), code=error.code)
        raise drf.ValidationError({error.field or "non_field_errors": [detail]}) from error
    except (IllegalTransitionError, ArtifactError, GateError) as error:
        code = getattr(error, "code", "illegal_transition")
        raise ConflictError(str(error), code=code) from error
