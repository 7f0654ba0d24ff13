"""The pieces of a training: tokeniser, model, its weights for safetensors, group loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig

from mlops.inference.architecture import MeanPooledBertForSequenceClassification
from mlops.training.normalization import emoji_as_words
from mlops.training.recipe import Recipe


def tokenizer_load(folder: Path, recipe: Recipe) -> Tokenizer:
    """The folder's fast tokeniser as the recipe wants it, truncating, without padding."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(recipe.max_length)
    if recipe.emoji_words:
        emoji_as_words(tokenizer)
    return tokenizer


def model_create(
    base: Path, labels: Sequence[str], recipe: Recipe
) -> MeanPooledBertForSequenceClassification:
    """The base encoder with a head for *labels*: the base's own if it has one, else a fresh one."""
    config = BertConfig.from_pretrained(
        base,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        problem_type="multi_label_classification",
        classifier_dropout=recipe.dropout,
    )
    model: MeanPooledBertForSequenceClassification = (
        MeanPooledBertForSequenceClassification.from_pretrained(base, config=config)
    )
    if recipe.layers:
        _layers_keep(model, recipe.layers)
    return model


def _layers_keep(model: MeanPooledBertForSequenceClassification, layers: Sequence[int]) -> None:
    """Leave *layers* of the encoder's in place, in their order.

    A student starts best from some of its teacher's layers (Sanh et al. 2019, arXiv 1910.01108;
    Sun et al. 2019, arXiv 1908.09355).
    """
    kept = model.bert.encoder.layer
    model.bert.encoder.layer = nn.ModuleList(kept[index] for index in layers)
    model.config.num_hidden_layers = len(layers)


def state_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights as contiguous fp16 CPU tensors, ready for safetensors."""
    return {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point()
    }


def group_loss(logits: Tensor, targets: Tensor, members: Tensor) -> Tensor:
    """Binary cross-entropy of groups of labels, summed over rows and averaged over groups.

    A group is present if any member is: ``P = 1 - prod(1 - p_i)`` (noisy-or, Pearl 1988), so a
    row says that there is fear of some kind without saying which.

    Args:
        logits: ``(rows, labels)``.
        targets: 0 or 1, ``(rows, groups)``.
        members: 0 or 1, ``(groups, labels)``.
    """
    absent = nn.functional.softplus(logits) @ members.T  # -log(1 - P)
    present = -torch.log(-torch.expm1(-absent.clamp(min=1e-6)))
    return (targets * present + (1 - targets) * absent).sum() / targets.shape[1]
