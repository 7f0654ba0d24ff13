"""Models to measure beside the one that serves: the embedded weights, and one that many run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotions.setup import PRETRAINED
from mlops.inference.huggingface import artifact_adopt

SHAPES = ("production", "embedded", "roberta-base")
# Liu et al. 2019, arXiv 1907.11692: twelve layers of 768, which the configuration class has.
ROBERTA_BASE: dict[str, Any] = {
    "vocab_size": 50_265,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "problem_type": "multi_label_classification",
}
LABELS = 28
_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def shape_folder(shape: str, texts: Sequence[str], folder: Path) -> Path:
    """The artifact of *shape*, which is written under *folder* if it is a random one.

    Speed does not depend on what the weights are. The tokeniser is of RoBERTa's kind, learned from
    *texts*: the figures say how many tokens it makes of one.
    """
    if shape == "embedded":
        return PRETRAINED
    source = folder / "random"
    source.mkdir(parents=True)
    _weights_write(source)
    _tokenizer_write(source, texts)
    artifact_adopt(source, folder / shape, name=shape)
    return folder / shape


def _weights_write(folder: Path) -> None:
    from transformers import RobertaConfig, RobertaForSequenceClassification

    config = RobertaConfig(**ROBERTA_BASE, num_labels=LABELS)  # type: ignore[no-untyped-call]
    model: Any = RobertaForSequenceClassification(config)  # type: ignore[no-untyped-call]
    model.half().save_pretrained(folder)


def _tokenizer_write(folder: Path, texts: Sequence[str]) -> None:
    from tokenizers.implementations import ByteLevelBPETokenizer
    from tokenizers.processors import RobertaProcessing

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        texts, vocab_size=ROBERTA_BASE["vocab_size"], special_tokens=_SPECIALS, show_progress=False
    )
    end, begin = ((name, tokenizer.token_to_id(name)) for name in ("</s>", "<s>"))
    tokenizer.post_processor = RobertaProcessing(sep=end, cls=begin)
    tokenizer.save(str(folder / "tokenizer.json"))
