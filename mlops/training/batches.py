"""Length-bucketed batches: the order depends on seed and epoch only, so a run can resume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding
from torch import Tensor

from mlops.evaluation.metrics import FloatArray
from mlops.training.recipe import Recipe

# Texts are sorted by length within pools of this many batches: little padding, still random.
POOL_BATCHES = 50
# A soft target from which on a row is one of the label's own.
SURE = 0.5


def rows_repeated(targets: FloatArray, rows: int, recipe: Recipe) -> NDArray[np.int64]:
    """Indices of all *rows* with those of rare labels repeated, the same for every epoch.

    Repeat-factor sampling (Gupta, Dollar & Girshick 2019, arXiv 1908.03195): a row counts
    ``sqrt(rare_share / share)`` times for the rarest label that it surely carries. Calibration
    puts the probabilities right again afterwards.

    Args:
        targets: of the first rows, ``(rows, labels)``; rows beyond them count once.
        rows: how many rows there are in all.
        recipe: gives ``rare_share``, 0 for no repetition, and the seed.
    """
    shares = np.maximum(targets.mean(axis=0), 1e-6)
    factors = np.maximum(1.0, np.sqrt(recipe.rare_share / shares))
    wanted = np.ones(rows)
    wanted[: len(targets)] = np.where(targets >= SURE, factors, 1.0).max(axis=1)
    rng = np.random.default_rng((recipe.seed, 3))
    counts = np.floor(wanted + rng.random(rows)).astype(np.int64)
    return np.repeat(np.arange(rows), counts)


def batches_order(
    lengths: NDArray[np.int64], batch_size: int, *, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Row indices of each batch of one epoch."""
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(lengths))
    batches: list[NDArray[np.int64]] = []
    for start in range(0, len(order), batch_size * POOL_BATCHES):
        pool = order[start : start + batch_size * POOL_BATCHES]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def batch_tensors(
    encodings: Sequence[Encoding], rows: NDArray[np.int64], device: torch.device
) -> dict[str, Tensor]:
    """Padded ``input_ids``, ``attention_mask`` and ``token_type_ids``, ``(rows, tokens)`` each."""
    ids = [encodings[row].ids for row in rows]
    width = max(len(row) for row in ids)
    input_ids = torch.zeros((len(ids), width), dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    for index, row in enumerate(ids):
        input_ids[index, : len(row)] = torch.tensor(row)
        attention_mask[index, : len(row)] = 1
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    inputs["token_type_ids"] = torch.zeros_like(input_ids)
    return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}


def in_length_order(lengths: NDArray[np.int64], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Batches of all rows, longest first: for scoring, where the order does not matter."""
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
