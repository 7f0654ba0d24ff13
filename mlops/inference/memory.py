"""What this process holds in memory, and giving back what it does not need."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_megabytes() -> float:
    """Resident memory now; where the system does not say, the most there ever was."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def memory_release() -> None:
    """Have the allocator give freed memory back to the system.

    glibc keeps what a freed model held for the next allocation: after 20 swaps a process had
    grown by half. Other allocators give it back by themselves.
    """
    gc.collect()
    # Only where a model has brought it in: this must not import torch into a process without.
    launchers = sys.modules.get("mlops.inference.launchers")
    if launchers:
        launchers.device_memory_release()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)
