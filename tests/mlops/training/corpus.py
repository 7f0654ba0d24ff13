"""A tiny corpus and a tiny random encoder, so that a whole training takes seconds."""

from __future__ import annotations

from pathlib import Path

from transformers import BertConfig, BertModel

from tests.mlops.inference.models import VOCABULARY, tokenizer_write

LABELS = ["joy", "anger", "neutral"]
RECIPE = """
epochs = 1
batch_size = 8
encoder_learning_rate = 1e-3
head_learning_rate = 1e-2
weight_decay = 0.01
warmup_share = 0.1
dropout = 0.1
max_length = 32
merge_duplicates = true
average_decay = 0.9
rare_share = 0.3
name_share = 0.5
names_masked = true
gender_share = 0.5
typo_share = 0.2
negation = false
emoji_words = true
auxiliary_weight = 0.0
hard_share = 0.5
teacher_weight = 0.2
genders_equal = true
seed = 1

[auxiliary_groups]
joy = ["joy"]
anger = ["anger"]

[[teachers]]
name = "teacher-a"
hard_share = 1.0
dropout = 0.0
"""


def base_write(folder: Path, *, layers: int = 1) -> Path:
    """A random BERT as an encoder package would hold it: no head."""
    folder.mkdir(parents=True)
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer_write(folder)
    return folder


def corpus_write(folder: Path) -> dict[str, Path]:
    """Label, train and dev files in GoEmotions' format, and a recipe."""
    rows = ["good day\t0\ta", "bad day\t1\tb", "what a day\t2\tc", "good bad day\t0,1\td"]
    files = {
        "labels": ("labels.txt", "\n".join(LABELS)),
        "train": ("train.tsv", "\n".join(f"{i} {row}" for i in range(6) for row in rows)),
        "dev": ("dev.tsv", "\n".join(rows * 5)),
        "recipe": ("tiny.toml", RECIPE),
    }
    for name, content in files.values():
        (folder / name).write_text(content + "\n", encoding="utf-8")
    return {key: folder / name for key, (name, _) in files.items()}
