"""What cannot be done with a version as it is."""

from __future__ import annotations

from mlops.errors import CodedError


class IllegalTransitionError(CodedError):
    """A change that the version's present status does not allow."""

    code = "illegal_transition"


class VersionServesError(IllegalTransitionError):
    """What serves is neither archived nor deleted."""

    code = "version_serves"


class VersionInUseError(IllegalTransitionError):
    """Other versions were exported from this one."""

    code = "version_in_use"


class GateError(IllegalTransitionError):
    """A promotion that a gate refuses; the message names each gate with its figures."""

    code = "gate_refused"


class ForceError(GateError):
    """A forced promotion without the permission or without a reason."""

    code = "force_refused"
