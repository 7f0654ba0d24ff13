"""How a pass gets onto a device: called kernel by kernel, or as a recorded CUDA graph.

A graph launches a pass's some hundred kernels as one. With small batches launching them, not
computing, is what takes a GPU's time.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol

import torch

Step = Callable[[], None]
# CUDA allows one recording at a time in a process.
_recording = threading.Lock()


class Done(Protocol):
    """``synchronize()`` returns when what was launched before ``record()`` has been computed."""

    def record(self) -> None: ...

    def synchronize(self) -> None: ...


class Launcher(Protocol):
    """What a runner needs of a device."""

    # Whether the device copies by itself from and to host memory, which must be pinned for that.
    pinned: bool

    def stream(self) -> AbstractContextManager[Any]:
        """Within it, what is launched goes into this launcher's own queue on the device."""
        ...

    def done(self) -> Done:
        """A new mark for that queue."""
        ...

    def capture(self, step: Step) -> Step:
        """A faster way to have *step*'s effect on the same memory. It was run before.

        Raises:
            Exception: of any kind, where *step* does what cannot be recorded.
        """
        ...


class _Now:
    """The mark of a device that has computed when the call returns."""

    def record(self) -> None:
        pass

    def synchronize(self) -> None:
        pass


class EagerLauncher:
    """CPU and MPS: a step runs when it is called, and is done when its answer was copied."""

    pinned = False

    def stream(self) -> AbstractContextManager[Any]:
        return contextlib.nullcontext()

    def done(self) -> Done:
        return _Now()

    def capture(self, step: Step) -> Step:
        return step


class CudaGraphs:
    """A stream of its own; its graphs share a pool of memory, for they never run side by side."""

    pinned = True

    def __init__(self, device: str) -> None:
        # The weights were put there through another stream. A device that somebody records on
        # must not be waited for.
        with _recording:
            torch.cuda.synchronize(device)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def stream(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream)

    def done(self) -> Done:
        # Blocking: who waits sleeps, and leaves its core to those who tokenise.
        return torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]

    def capture(self, step: Step) -> Step:
        graph, recorder = torch.cuda.CUDAGraph(), _recorder()
        # Out of a recording that failed torch does not restore the stream: the outer one does.
        # "thread_local": versions that serve go on in other threads meanwhile.
        with (
            _recording,
            torch.cuda.stream(recorder),
            torch.cuda.graph(
                graph, pool=self._pool, stream=recorder, capture_error_mode="thread_local"
            ),
        ):
            step()
        return graph.replay


@cache
def _recorder() -> Any:
    """The stream that records, and does nothing else.

    Torch deals its streams out in turn, and the 33rd is the first again. On one that also serves,
    another version's passes would be recorded instead of run. Those of high priority are
    dealt apart, and nobody else asks for one.
    """
    return torch.cuda.Stream(priority=-1)  # type: ignore[no-untyped-call]


def launcher_for(device: str) -> Launcher:
    """Graphs on CUDA, plain calls elsewhere."""
    return CudaGraphs(device) if device == "cuda" else EagerLauncher()


def device_memory_release() -> None:
    """Give back what freed models held on the device; other processes may share it."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        # The allocator must not be emptied while somebody records.
        with _recording:
            torch.cuda.empty_cache()
