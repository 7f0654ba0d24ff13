"""The model as a peer would load it: the same files, tokeniser and threads, and nothing of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

FloatArray = NDArray[np.float64]


class Scorer:
    """Texts in, a score for each label out. Without a folder that of ``VALENCE_MODEL``."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or Path(os.environ["VALENCE_MODEL"])
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.labels: list[str] = manifest["labels"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(manifest["max_length"])
        self._tokenizer.no_padding()
        options = ort.SessionOptions()
        # As ours: several processes or threads do more than several threads for one text.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        if not (manifest.get("exact_sums") or _vnni()):
            # As ours: sums that do not saturate.
            options.add_session_config_entry("session.x64quantprecision", "1")
        self._session = ort.InferenceSession(folder / "model.onnx", options)
        self._inputs = {node.name for node in self._session.get_inputs()}

    def score(self, texts: list[str]) -> list[dict[str, float]]:
        """One dictionary for each text."""
        scores = np.round(self.probabilities(self.encode(texts)), 4).tolist()
        return [dict(zip(self.labels, row, strict=True)) for row in scores]

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokens of each text."""
        if len(texts) == 1:  # not worth a thread pool
            return [self._tokenizer.encode(texts[0])]
        return list(self._tokenizer.encode_batch_fast(list(texts)))

    def probabilities(self, encoded: Sequence[Encoding]) -> FloatArray:
        """``(texts, labels)``, from one pass."""
        if len(encoded) > 1:
            width = max(len(each.ids) for each in encoded)
            for each in encoded:
                each.pad(width)
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        feed: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(ids)
        logits = np.asarray(self._session.run(None, feed)[0], dtype=np.float64)
        scores: FloatArray = 1 / (1 + np.exp(-logits))
        return scores


def _vnni() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "vnni" in flags.read_text(encoding="utf-8")
