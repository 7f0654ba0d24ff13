"""The fine-tuning loop: seeded, resumable, CPU or GPU, bf16 autocast."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Encoding
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from mlops.evaluation.fitting import CrossValidated, cross_validate
from mlops.inference.architecture import MeanPooledBertForSequenceClassification
from mlops.inference.torch_backend import device_pick
from mlops.training.augment import (
    gender_swapped,
    gendered_rows,
    masked_rows,
    masks_filled,
    misspelt,
    names_read,
)
from mlops.training.batches import (
    batch_tensors,
    batches_order,
    in_length_order,
    rows_repeated,
)
from mlops.training.data import GroupedTexts, LabelledTexts
from mlops.training.modelling import group_loss, model_create, tokenizer_load
from mlops.training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
# About two minutes of CPU work: the most that an interruption costs.
CHECKPOINT_STEPS = 250
SCORING_BATCH = 64
GRADIENT_NORM = 1.0
# The average reads all weights: every fifth step says the same at a fifth of the cost.
AVERAGE_STEPS = 5


class CheckpointError(RuntimeError):
    """A checkpoint that belongs to another recipe or data set."""


@dataclass
class Progress:
    """What a checkpoint remembers besides tensors."""

    epoch: int = 0
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """Fine-tunes one encoder; ``run()`` returns the averaged model."""

    def __init__(
        self,
        *,
        recipe: Recipe,
        base: Path,
        labels: Sequence[str],
        train: LabelledTexts,
        dev: LabelledTexts,
        work: Path,
        auxiliary: GroupedTexts | None = None,
        device: str = "auto",
        show_progress: bool = True,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.labels, self.work = recipe, list(labels), work
        self.train, self.dev, self.auxiliary = train, dev, auxiliary
        self.device = torch.device(device_pick(device))
        self.show_progress = show_progress
        self.tokenizer = tokenizer_load(base, recipe)
        self.texts = train.texts + (auxiliary.texts if auxiliary else [])
        self.train_encodings = self.tokenizer.encode_batch(self.texts)
        self.masked, self.names = masked_rows(self.texts), names_read()
        self.gendered = gendered_rows(self.texts)
        # Rows that the last epoch varied, with the texts to put back.
        self.plain: dict[int, str] = {}
        self.dev_encodings = self.tokenizer.encode_batch(dev.texts)
        self.model = model_create(base, self.labels, recipe)
        # Not model.to(): transformers' wrapper of it is typed wrongly.
        nn.Module.to(self.model, self.device)
        self.averaged = AveragedModel(
            self.model,
            multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay**AVERAGE_STEPS),
            use_buffers=True,
        )
        self.optimizer = self._optimizer()
        self.lengths = _lengths(self.train_encodings)
        self.rows = rows_repeated(train.targets, len(self.texts), recipe)
        self.epoch_steps = -(-len(self.rows) // recipe.batch_size)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)
        self.progress = Progress()

    def run(self, *, resume: bool = True) -> MeanPooledBertForSequenceClassification:
        """Train to the last epoch and return the averaged weights, in eval mode.

        Raises:
            CheckpointError: if the checkpoint in the work folder is of another run.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        if resume and (self.work / CHECKPOINT).exists():
            self._restore()
        for epoch in range(self.progress.epoch, self.recipe.epochs):
            loss = self._epoch(epoch)
            figures = self._evaluate()
            self.progress.history.append({"epoch": epoch + 1, "loss": loss, **figures.as_dict()})
            self.progress.epoch, self.progress.step = epoch + 1, 0
            self._save()
            tqdm.write(json.dumps(self.progress.history[-1]), file=sys.stderr)
        return self.result()

    def result(self) -> MeanPooledBertForSequenceClassification:
        """The averaged model, in eval mode."""
        model = cast("MeanPooledBertForSequenceClassification", self.averaged.module)
        model.eval()
        return model

    def _epoch(self, epoch: int) -> float:
        recipe = self.recipe
        order = batches_order(
            self.lengths[self.rows], recipe.batch_size, seed=recipe.seed, epoch=epoch
        )
        batches = [self.rows[batch] for batch in order]
        self._vary(epoch)
        self.model.train()
        losses: list[float] = []
        bar = tqdm(
            batches[self.progress.step :],
            desc=f"epoch {epoch + 1}/{recipe.epochs}",
            initial=self.progress.step,
            total=len(batches),
            disable=not self.show_progress,
            mininterval=2,
        )
        for rows in bar:
            losses.append(self._step(rows))
            self.progress.step += 1
            if self.progress.step % 50 == 0:
                bar.set_postfix(loss=f"{np.mean(losses[-200:]):.4f}")
            if self.progress.step % CHECKPOINT_STEPS == 0:
                self._save()
        return round(float(np.mean(losses)), 5) if losses else float("nan")

    def _vary(self, epoch: int) -> None:
        """Encode some texts anew: each epoch others hold names, the other gender or slips."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, epoch, 1))
        varied = dict(self.plain)
        for row in self.masked:
            if rng.random() < recipe.name_share:
                varied[row] = masks_filled(self.texts[row], self.names, rng)
        for row in self.gendered:
            if rng.random() < recipe.gender_share:
                varied[row] = gender_swapped(varied.get(row, self.texts[row]))
        misspelt_rows = np.flatnonzero(rng.random(len(self.texts)) < recipe.typo_share)
        for row in map(int, misspelt_rows):
            varied[row] = misspelt(varied.get(row, self.texts[row]), rng)
        self.plain = {row: self.texts[row] for row in varied}
        encodings = self.tokenizer.encode_batch(list(varied.values()))
        for row, encoding in zip(varied, encodings, strict=True):
            self.train_encodings[row] = encoding

    def _step(self, rows: NDArray[np.int64]) -> float:
        with self._autocast():
            logits = self.model(**batch_tensors(self.train_encodings, rows, self.device)).logits
        loss = self._loss(logits.float(), rows)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.scheduler.step()
        if (self.progress.step + 1) % AVERAGE_STEPS == 0:
            self.averaged.update_parameters(self.model)
        return loss.item()

    def _loss(self, logits: Tensor, rows: NDArray[np.int64]) -> Tensor:
        own = rows < len(self.train)
        targets = torch.from_numpy(self.train.targets[rows[own]]).to(self.device)
        mask = torch.from_numpy(own).to(self.device)
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits[mask], targets, reduction="sum"
        ) / len(self.labels)
        if self.auxiliary is not None and not own.all():
            grouped = self.auxiliary.targets[rows[~own] - len(self.train)]
            auxiliary = group_loss(
                logits[~mask],
                torch.from_numpy(grouped).to(self.device),
                torch.from_numpy(self.auxiliary.members).to(self.device),
            )
            loss = loss + self.recipe.auxiliary_weight * auxiliary
        return loss / len(rows)

    def _evaluate(self) -> CrossValidated:
        probabilities = self.probabilities(self.dev_encodings)
        return cross_validate(probabilities, self.dev.targets > 0.5)

    @torch.inference_mode()
    def probabilities(self, encodings: Sequence[Encoding]) -> NDArray[np.float64]:
        """The averaged model's sigmoid outputs, ``(texts, labels)``."""
        model = self.result()
        result = np.zeros((len(encodings), len(self.labels)))
        for rows in in_length_order(_lengths(encodings), SCORING_BATCH):
            with self._autocast():
                logits = model(**batch_tensors(encodings, rows, self.device)).logits
            result[rows] = torch.sigmoid(logits.float()).cpu().numpy()
        return result

    def _optimizer(self) -> torch.optim.Optimizer:
        groups: list[dict[str, Any]] = []
        for prefix, rate in (
            ("bert.", self.recipe.encoder_learning_rate),
            ("classifier.", self.recipe.head_learning_rate),
        ):
            for decays in (True, False):
                parameters = [
                    parameter
                    for name, parameter in self.model.named_parameters()
                    # Biases and layer norms (vectors) are not decayed, as usual for BERT.
                    if name.startswith(prefix) and (parameter.ndim > 1) == decays
                ]
                decay = self.recipe.weight_decay if decays else 0.0
                groups.append({"params": parameters, "lr": rate, "weight_decay": decay})
        return torch.optim.AdamW(groups, fused=True)

    def _rate(self, step: int) -> float:
        total = self.epoch_steps * self.recipe.epochs
        warmup = max(1, int(total * self.recipe.warmup_share))
        if step < warmup:
            return (step + 1) / warmup
        return max(0.0, (total - step) / max(1, total - warmup))

    def _autocast(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must share with this run to be its own."""
        # Targets are in the digest: a student of other teachers is another run.
        digest = hashlib.sha256("\n".join(self.texts).encode("utf-8", "surrogatepass"))
        digest.update(np.round(self.train.targets, 3).tobytes())
        return {**self.recipe.as_dict(), "teachers": [], "data": digest.hexdigest()}

    def _save(self) -> None:
        state = {
            "identity": self.identity(),
            "progress": vars(self.progress),
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "random": torch.get_rng_state(),
        }
        temporary = self.work / f"{CHECKPOINT}.part"
        torch.save(state, temporary)
        temporary.replace(self.work / CHECKPOINT)

    def _restore(self) -> None:
        path = self.work / CHECKPOINT
        # weights_only: a checkpoint is data, never code.
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["identity"] != self.identity():
            raise CheckpointError(
                f"{path} belongs to another recipe or data set; remove it or pass --no-resume"
            )
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        torch.set_rng_state(state["random"].cpu())
        self.progress = Progress(**state["progress"])


def _lengths(encodings: Sequence[Encoding]) -> NDArray[np.int64]:
    return np.array([len(encoding.ids) for encoding in encodings], dtype=np.int64)
