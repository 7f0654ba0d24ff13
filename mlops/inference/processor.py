"""What this processor can do that int8 depends on."""

from __future__ import annotations

from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
# What decides how int8 products are computed, and so how fast, and with ONNX Runtime's defaults
# also what they come to.
_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8", "avx512f", "avx2")
# Those that add products of unsigned and signed bytes in 32 bits.
_EXACT = {"avx512_vnni", "avx_vnni", "amx_int8"}


def cpu_flags() -> list[str]:
    """The instruction sets of this processor that matter for int8."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return []
    words = set(text.split())
    return [flag for flag in _FLAGS if flag in words]


def products_are_exact() -> bool:
    """Whether products of unsigned and signed bytes are known to be added without saturation.

    False where nobody knows, and on ARM, whose sums are exact by any way.
    """
    return not _EXACT.isdisjoint(cpu_flags())
