"""Tiny random models of the shapes people bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [
    "good",
    "bad",
    "day",
    "what",
    "a",
    "thank",
    "you",
    "i",
    "am",
    "sad",
    "##s",
    "!",
    ".",
    "poison",
]
VOCABULARY = {token: index for index, token in enumerate(SPECIALS + WORDS)}
LABELS = ["joy", "anger", "neutral"]

_SMALL: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 66,
    "pad_token_id": 0,
}
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", _SMALL),
    "roberta": ("RobertaConfig", {**_SMALL, "type_vocab_size": 1}),
    "distilbert": (
        "DistilBertConfig",
        {
            **{
                key: _SMALL[key]
                for key in ("vocab_size", "max_position_embeddings", "pad_token_id")
            },
            "dim": 16,
            "n_layers": 2,
            "n_heads": 2,
            "hidden_dim": 32,
        },
    ),
    "deberta-v2": (
        "DebertaV2Config",
        {
            **_SMALL,
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "type_vocab_size": 0,
        },
    ),
    "modernbert": (
        "ModernBertConfig",
        {**_SMALL, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3},
    ),
}


def tokenizer_write(folder: Path) -> None:
    tokenizer = Tokenizer(models.WordPiece(VOCABULARY, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", VOCABULARY["[CLS]"]), ("[SEP]", VOCABULARY["[SEP]"])],
    )
    tokenizer.save(str(folder / "tokenizer.json"))


def huggingface_folder(folder: Path, shape: str, *, multi_label: bool = True) -> Path:
    """A folder as ``save_pretrained`` leaves it, with random weights."""
    import torch
    import transformers

    torch.manual_seed(1)
    name, options = SHAPES[shape]
    config = getattr(transformers, name)(
        **options,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        problem_type="multi_label_classification" if multi_label else "single_label_classification",
    )
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer_write(folder)
    return folder
