"""What a graph is fed with while it is looked at, and whether another answers alike."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

logger = logging.getLogger(__name__)
MASK = "attention_mask"
# Of logits: the kernels of a product add up in another order for another number of rows.
CLOSE = 1e-3
# Texts of the comparison: enough for much padding.
_COMPARED = 6


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


def graphs_alike(plain: Path, rewritten: Path, windows: Sequence[Sequence[int]]) -> bool:
    """Whether both answer alike for texts of as many lengths as there are."""
    lengths = {len(window): window for window in windows}
    chosen = [lengths[length] for length in sorted(lengths)]
    chosen = chosen[:: max(1, len(chosen) // _COMPARED)]
    try:
        # NaN is not alike.
        return bool((np.abs(_outputs(plain, chosen) - _outputs(rewritten, chosen)) < CLOSE).all())
    except Exception:  # the runtime raises a family of its own without a public base
        logger.warning("the rewritten graph does not run", exc_info=True)
        return False


def _outputs(path: Path, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits: NDArray[np.float32] = session.run(None, windows_feed(session, windows))[0]
    return logits
