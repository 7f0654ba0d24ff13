"""What is done to the trained weights themselves: averaged with a teacher's, gender made equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from mlops.training.augment import GENDER_SETS

Weights = Mapping[str, Tensor]


def weights_mixed(own: Weights, other: Weights, share: float) -> dict[str, Tensor]:
    """*own* weights with a *share* of *other*'s, name by name.

    Model soups (Wortsman et al. 2022, arXiv 2203.05482): runs from one start lie in one basin,
    and a point between them does better than either, for nothing at serving time. Both must come
    from the same base and the same head, hence the same seed.
    """
    return {
        name: torch.lerp(tensor, other[name], share) if tensor.is_floating_point() else tensor
        for name, tensor in own.items()
    }


def genders_made_equal(model: PreTrainedModel, tokenizer: Tokenizer) -> None:
    """Give he and she, father and mother, ... one common embedding, in place.

    Equalising of word pairs (Bolukbasi et al. 2016, arXiv 1607.06520): what somebody feels does
    not depend on it. Words that are no single token are left alone.
    """
    embeddings = cast("Tensor", model.get_input_embeddings().weight)
    with torch.no_grad():
        for words in GENDER_SETS:
            found = [tokenizer.token_to_id(word) for word in words]
            ids = [token_id for token_id in found if token_id is not None]
            if ids:
                embeddings[ids] = embeddings[ids].mean(dim=0)
