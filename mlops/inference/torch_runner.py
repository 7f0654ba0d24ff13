"""Forward passes in a few fixed shapes, from buffers that are made once."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from mlops.inference.backends import FloatArray, IntArray
from mlops.inference.buckets import Bucket, Buckets
from mlops.inference.launchers import Done, Launcher, Step

logger = logging.getLogger(__name__)
Forward = Callable[[Tensor, Tensor], Tensor]
# While one batch is computed the next is written to host memory and launched behind it.
LANES = 2
# By how much a recorded pass may differ, of the largest logit: rounding in half precision.
_SAME = 0.01


class _Slot:
    """Host memory for one batch on its way: token ids and mask there, logits back."""

    def __init__(self, positions: int, outputs: tuple[int, int], launcher: Launcher) -> None:
        self.inputs = torch.zeros(2 * positions, dtype=torch.int64, pin_memory=launcher.pinned)
        self.logits = torch.zeros(outputs, dtype=torch.float32, pin_memory=launcher.pinned)
        self.done: Done = launcher.done()

    def fill(self, bucket: Bucket, ids: IntArray, mask: IntArray, pad_id: int) -> Tensor:
        """The batch padded to *bucket*, ``(2, rows, width)``, in one piece."""
        inputs = _shaped(self.inputs, bucket)
        rows, width = ids.shape
        values: IntArray = inputs.numpy()
        values[0], values[1] = pad_id, 0
        values[0, :rows, :width], values[1, :rows, :width] = ids, mask
        # A row of nothing but padding would have attention divide by zero.
        values[1, rows:, 0] = 1
        return inputs


class BucketRunner:
    """One model in the shapes of *buckets*. ``run`` may be called from ``LANES`` threads.

    All memory is taken here: one buffer on the device, of which every bucket uses the beginning,
    and one in the host for each lane. A launch copies in, computes and copies out without waiting;
    a batch is waited for once.
    """

    def __init__(
        self, forward: Forward, buckets: Buckets, launcher: Launcher, device: str, pad_id: int
    ) -> None:
        self._forward, self._buckets, self._launcher = forward, buckets, launcher
        self._pad_id = pad_id
        self._launching = threading.Lock()
        positions = max(each.rows * each.width for each in buckets)
        rows = max(each.rows for each in buckets)
        with torch.inference_mode(), launcher.stream():
            self._inputs = torch.zeros(2 * positions, dtype=torch.int64, device=device)
            # One pass says how many labels there are; the shape is the smallest.
            *_, smallest = buckets
            labels = self._logits(smallest).shape[1]
            self._outputs = torch.zeros((rows, labels), dtype=torch.float32, device=device)
        self._slots: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
        for _ in range(LANES):
            self._slots.put(_Slot(positions, (rows, labels), launcher))
        self._steps: dict[Bucket, Step] = {}
        self._warm_up()

    def run(self, input_ids: IntArray, attention_mask: IntArray) -> FloatArray:
        """Logits ``(batch, labels)``, as ``Backend.run``."""
        rows, width = input_ids.shape
        result = np.empty((rows, self._outputs.shape[1]), dtype=np.float32)
        for part, bucket in self._buckets.parts(rows, width):
            with self._slot() as slot:
                inputs = slot.fill(bucket, input_ids[part], attention_mask[part], self._pad_id)
                self._launch(bucket, slot, inputs)
                slot.done.synchronize()
                result[part] = slot.logits[: part.stop - part.start].numpy()
        return result

    @torch.inference_mode()
    def _launch(self, bucket: Bucket, slot: _Slot, inputs: Tensor) -> None:
        asynchronous = self._launcher.pinned
        # Two launches must not mix; what follows on the device's queue is in their order.
        with self._launching, self._launcher.stream():
            _shaped(self._inputs, bucket).copy_(inputs, non_blocking=asynchronous)
            self._steps[bucket]()
            out = self._outputs[: bucket.rows]
            slot.logits[: bucket.rows].copy_(out, non_blocking=asynchronous)
            slot.done.record()

    @torch.inference_mode()
    def _warm_up(self) -> None:
        """Run every shape once, so that no request meets a first time; record where possible."""
        recording = True
        for bucket in self._buckets:
            self._steps[bucket] = step = self._step(bucket)
            with self._launcher.stream():
                self._example(bucket, tokens=bucket.width // 2)
                step()
            if recording:
                recording = self._recorded(bucket, step)

    def _recorded(self, bucket: Bucket, step: Step) -> bool:
        """Whether a recorded *step* could take its place."""
        try:
            fast = self._launcher.capture(step)
            if fast is not step:
                self._compare(bucket, step, fast)
        except Exception as error:  # noqa: BLE001 - whatever a model does that cannot be recorded
            # Ending a recording fails too, once something in it has: the first error says why.
            reason = error.__context__ or error
            logger.warning("passes are launched kernel by kernel, not recorded: %s", reason)
            return False
        self._steps[bucket] = fast
        return True

    def _compare(self, bucket: Bucket, step: Step, fast: Step) -> None:
        """Recorded with one text, *fast* must answer as *step* does to another.

        Raises:
            ValueError: if it does not.
        """
        output = self._outputs[: bucket.rows]
        with self._launcher.stream():
            self._example(bucket, tokens=bucket.width)
            step()
            wanted = output.clone()
            output.zero_()
            fast()
            worst = (output - wanted).abs().max().item()
        if not worst <= _SAME * max(1.0, wanted.abs().max().item()):
            raise ValueError(f"the recorded pass answers differently, by up to {worst:.3g}")

    def _example(self, bucket: Bucket, tokens: int) -> None:
        """Texts of *tokens* words; any vocabulary has as many ids as are used."""
        inputs = _shaped(self._inputs, bucket)
        inputs.zero_()
        inputs[0, :, :tokens] = torch.arange(tokens, device=inputs.device) % 5
        inputs[1, :, :tokens] = 1

    def _step(self, bucket: Bucket) -> Step:
        output = self._outputs[: bucket.rows]

        def step() -> None:
            output.copy_(self._logits(bucket))

        return step

    def _logits(self, bucket: Bucket) -> Tensor:
        inputs = _shaped(self._inputs, bucket)
        return self._forward(inputs[0], inputs[1])

    @contextmanager
    def _slot(self) -> Iterator[_Slot]:
        slot = self._slots.get()
        try:
            yield slot
        finally:
            self._slots.put(slot)


def _shaped(flat: Tensor, bucket: Bucket) -> Tensor:
    return flat[: 2 * bucket.rows * bucket.width].view(2, bucket.rows, bucket.width)
