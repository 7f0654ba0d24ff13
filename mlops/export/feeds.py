"""What a graph is fed with while it is looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

MASK = "attention_mask"


def windows_feed(
    session: ort.InferenceSession, windows: Sequence[Sequence[int]]
) -> dict[str, NDArray[np.int64]]:
    """Those of *session*'s inputs that a batch of token ids, padded to the longest, has."""
    ids = np.zeros((len(windows), max(map(len, windows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, window in enumerate(windows):
        ids[row, : len(window)] = window
        mask[row, : len(window)] = 1
    feed = {"input_ids": ids, MASK: mask, "token_type_ids": np.zeros_like(ids)}
    wanted = {node.name for node in session.get_inputs()}
    return {name: value for name, value in feed.items() if name in wanted}
