"""Errors stop an arm on the spot: in the process that saw them, at the answer that was too many."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from mlops.inference.errors import InferenceError
from mlops.routing.table import GuardLimits


@dataclass(slots=True)
class _Count:
    documents: int = 0
    errors: int = 0

    @property
    def rate(self) -> float:
        return self.errors / self.documents if self.documents else 0.0


@dataclass(frozen=True, slots=True)
class Trip:
    """An arm that failed too often, and why."""

    rollout_id: int
    arm_id: int
    reason: str
    detail: dict[str, object] = field(default_factory=dict)


class ErrorGuard:
    """Counts documents and errors of each arm since it (re)joined in this process."""

    def __init__(self) -> None:
        self._counts: dict[int, _Count] = {}
        self._lock = threading.Lock()

    def observe(
        self,
        *,
        rollout_id: int,
        arm_id: int,
        champion_id: int,
        limits: GuardLimits,
        documents: int,
        errors: list[InferenceError],
    ) -> Trip | None:
        """Count one answer; a ``Trip`` when its arm has failed too often."""
        with self._lock:
            count = self._counts.setdefault(arm_id, _Count())
            count.documents += documents
            count.errors += len(errors)
            if not errors or arm_id == champion_id or count.errors < limits.min_errors:
                return None
            allowed = self._counts.get(champion_id, _Count()).rate + limits.error_margin
            if count.rate <= allowed:
                return None
            return _trip(rollout_id, arm_id, count, allowed, errors[-1])

    def forget(self, arm_ids: set[int]) -> None:
        """Start anew for arms that were paused or left."""
        with self._lock:
            for arm_id in arm_ids:
                self._counts.pop(arm_id, None)


def _trip(
    rollout_id: int, arm_id: int, count: _Count, allowed: float, last: InferenceError
) -> Trip:
    reason = (
        f"{count.errors} of {count.documents} documents failed ({count.rate:.1%}; "
        f"{allowed:.1%} are allowed). The last: {last}"
    )
    detail = {
        "guardrail": "errors",
        "code": last.code,
        "documents": count.documents,
        "errors": count.errors,
        "allowed": round(allowed, 4),
    }
    return Trip(rollout_id, arm_id, reason[:500], detail)
