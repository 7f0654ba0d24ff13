"""Rollouts and their reports as the API and the commands show them."""

from __future__ import annotations

from typing import Any

from django.db.models import prefetch_related_objects

from mlops.models import Arm, Feedback, Rollout
from mlops.rollouts.paired import Pair, PairedReport
from mlops.rollouts.report import ArmReport, RolloutReport
from mlops.statistics.chi_square import RatioCheck
from mlops.statistics.quantiles import Ratio
from mlops.statistics.sequential import ClusterSums, Comparison

DIGITS = 4
# What a rollout is shown with.
RELATED = ("arms__version__model", "scopes", "winner")


def rollout_body(rollout: Rollout) -> dict[str, Any]:
    """What a rollout is."""
    # Asks nothing where a list was read with them.
    prefetch_related_objects([rollout], *RELATED)
    arms = rollout.arms.all()
    live = sum(arm.weight for arm in arms if arm.mode == "live")
    return {
        "name": rollout.name,
        "state": rollout.state,
        "unit": rollout.unit,
        "scopes": sorted(each.scope for each in rollout.scopes.all()),
        "schedule": rollout.schedule,
        "step": rollout.step,
        "guardrails": {name: getattr(rollout, name) for name in LIMITS},
        "arms": [_arm(arm, live) for arm in arms],
        "winner": rollout.winner.name if rollout.winner else None,
        "created_at": rollout.created_at,
        "started_at": rollout.started_at,
        "stage_at": rollout.stage_at,
        "concluded_at": rollout.concluded_at,
    }


def report_body(report: RolloutReport) -> dict[str, Any]:
    """What is known of a rollout; the split comes before any result."""
    return {
        "since": report.since,
        "srm": _srm(report.srm) if report.srm else None,
        "verdicts": report.verdicts,
        "arms": [_arm_report(each) for each in report.arms],
    }


def feedback_body(feedback: Feedback) -> dict[str, Any]:
    """What was kept of a caller's word."""
    return {
        "id": feedback.pk,
        "prediction": str(feedback.prediction_id),
        "agrees": feedback.agrees,
        "labels": feedback.labels,
        "weight": feedback.weight,
        "comment": feedback.comment,
        "created_at": feedback.created_at,
    }


LIMITS = ("error_margin", "min_errors", "p95_ratio", "low_confidence_margin", "shift_limit")


def _arm(arm: Arm, live: float) -> dict[str, Any]:
    share = arm.weight if arm.mode == "shadow" else arm.weight / live if live else 0.0
    return {
        "name": arm.name,
        "version": f"{arm.version.model.name}:{arm.version.number}",
        "digest": arm.version.digest,
        "mode": arm.mode,
        "champion": arm.champion,
        "weight": arm.weight,
        "share": round(share, 6),
        "paused_at": arm.paused_at,
        "pause_reason": arm.pause_reason,
    }


def _srm(check: RatioCheck) -> dict[str, Any]:
    return {
        "observed": list(check.observed),
        "expected": [round(due, 1) for due in check.expected],
        "chi_square": round(check.statistic, 3),
        "p_value": float(f"{check.p_value:.3g}"),
        "enough": check.enough,
        "mismatch": check.mismatch,
    }


def _arm_report(report: ArmReport) -> dict[str, Any]:
    outcome = report.outcome
    total = sum(outcome.labels.values())
    return {
        "arm": outcome.arm.name,
        "requests": outcome.requests,
        "subjects": outcome.subjects,
        "error_rate": _rate(outcome.errors),
        "low_confidence": _rate(outcome.unsure),
        "confidence": _rate(outcome.confidence),
        "feedback": int(outcome.agreement.n),
        "agreement": _rate(outcome.agreement),
        "latency_ms": {
            f"p{100 * q:g}": None if value is None else round(value, 2)
            for q, value in report.quantiles.items()
        },
        "labels": {
            label: round(count / total, DIGITS)
            for label, count in sorted(outcome.labels.items(), key=lambda item: -item[1])
        },
        "against_champion": None if outcome.arm.champion else _against(report),
        "paired": paired_body(report.paired) if report.paired else None,
    }


def _against(report: ArmReport) -> dict[str, Any]:
    return {
        "agreement": _comparison(report.agreement),
        "error_rate": _comparison(report.errors),
        "low_confidence": _comparison(report.unsure),
        "confidence": _comparison(report.confidence),
        "latency_p95_ratio": _ratio(report.latency),
        "label_shift": None if report.shift is None else round(report.shift, DIGITS),
    }


def paired_body(paired: PairedReport) -> dict[str, Any]:
    """Agreement on the same texts; which texts, the log tells those who may read it."""
    interval = paired.top_interval
    return {
        "pairs": paired.pairs,
        "top_label_agreement": _round(paired.top_agree),
        "interval": [_round(end) for end in interval] if interval else None,
        "same_labels": _round(paired.same_labels),
        "mean_change": _round(paired.mean_change),
        "labels": [
            {
                "label": each.label,
                "live": each.live,
                "shadow": each.shadow,
                "agreement": _round(each.agree),
            }
            for each in paired.labels
        ],
        "examples": [_example(pair) for pair in paired.examples],
    }


def _example(pair: Pair) -> dict[str, Any]:
    return {
        "prediction": str(pair.row.pk),
        "live": list(pair.live.labels) or [pair.live.top_label],
        "shadow": list(pair.shadow.labels) or [pair.shadow.top_label],
        "change": _round(pair.change),
    }


def _rate(sums: ClusterSums) -> float | None:
    return round(sums.x / sums.n, DIGITS) if sums.n else None


def _comparison(compared: Comparison | None) -> dict[str, Any] | None:
    if compared is None:
        return None
    return {
        "difference": round(compared.difference, DIGITS),
        "low": round(compared.low, DIGITS),
        "high": round(compared.high, DIGITS),
        "p_value": float(f"{compared.p_value:.3g}"),
        "decided": compared.decided,
    }


def _ratio(ratio: Ratio | None) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return {name: round(getattr(ratio, name), 3) for name in ("value", "low", "high")}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
