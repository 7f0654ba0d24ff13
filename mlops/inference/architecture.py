"""Our classifier: a BERT encoder, masked mean pooling and one linear layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class MeanPooledBertForSequenceClassification(BertPreTrainedModel):
    """BERT whose sentence vector is the mean of its token vectors (padding left out).

    all-MiniLM-L6-v2 was pre-trained with mean pooling (Reimers & Gurevych 2019,
    arXiv 1908.10084); its [CLS] pooler was never trained, so the stock head would start from noise.
    """

    config_class = BertConfig

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.classifier_dropout or config.hidden_dropout_prob)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Logits ``(batch, labels)`` for token ids ``(batch, tokens)``."""
        hidden = self.bert(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        assert attention_mask is not None
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(dim=1) / torch.clamp(mask.sum(dim=1), min=1.0)
        logits: Tensor = self.classifier(self.dropout(pooled))
        return SequenceClassifierOutput(logits=logits)  # type: ignore[arg-type]
