from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig

from mlops.inference.architecture import MeanPooledBertForSequenceClassification
from mlops.training.augment import GENDER_SETS
from mlops.training.weights import genders_made_equal, weights_mixed
from tests.mlops.training.corpus import base_write


@pytest.fixture
def base(tmp_path):
    return base_write(tmp_path / "base")


def test_it_works():
    own = {"weight": torch.tensor([1.0, 3.0]), "steps": torch.tensor(5)}
    other = {"weight": torch.tensor([2.0, 1.0]), "steps": torch.tensor(9)}
    mixed = weights_mixed(own, other, 0.25)
    assert mixed["weight"].tolist() == [1.25, 2.5]
    assert mixed["steps"].item() == 5


def test_words_of_a_set_share_their_mean_and_others_stay(base, monkeypatch):
    monkeypatch.setattr("mlops.training.weights.GENDER_SETS", (("good", "bad", "absent"),))
    model = MeanPooledBertForSequenceClassification(BertConfig.from_pretrained(base))
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    before = model.bert.embeddings.word_embeddings.weight.detach().clone()
    genders_made_equal(model, tokenizer)
    after = model.bert.embeddings.word_embeddings.weight
    good, bad = (tokenizer.token_to_id(word) for word in ("good", "bad"))
    assert torch.equal(after[good], after[bad])
    assert torch.allclose(after[good], (before[good] + before[bad]) / 2)
    untouched = [i for i in range(len(before)) if i not in (good, bad)]
    assert torch.equal(after[untouched], before[untouched])


def test_no_word_is_in_two_sets():
    words = [word for words in GENDER_SETS for word in words]
    assert len(words) == len(set(words))
