"""What an export is asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from mlops.inference.errors import ArtifactIncompatibleError
from mlops.inference.manifest import Precision

Optimization = Literal["none", "O1", "O2", "O3", "O4"]
# The newest that both exporters and all our ONNX Runtimes know.
OPSET = 18
MINIMUM_OPSET = 14


class ExportOptionsError(ArtifactIncompatibleError):
    """A combination of options that cannot work."""

    code = "export_options"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """O1 folds constants, O2 and O3 fuse layers, O4 is O3 in half precision for GPUs.

    int8 takes no fusions before it: it is the plain graph that is quantised, and ONNX Runtime fuses
    the result when it loads.
    """

    precision: Precision = "int8"
    optimize: Optimization = "none"
    opset: int = OPSET
    exporter: str = "optimum-onnx"

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "fp16", "int8"):
            raise ExportOptionsError(f"precision {self.precision!r}: one of fp32, fp16, int8")
        if self.optimize not in get_args(Optimization):
            raise ExportOptionsError(f"optimize {self.optimize!r}: one of none, O1, O2, O3, O4")
        if self.optimize == "O4" and self.precision != "fp16":
            raise ExportOptionsError("O4 is for GPUs in half precision: it needs precision fp16")
        if self.opset < MINIMUM_OPSET:
            raise ExportOptionsError(f"opset {self.opset}: at least {MINIMUM_OPSET}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
