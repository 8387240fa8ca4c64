"""Token classifiers for benchmarks, saved where the package llmlingua accepts them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.llmlingua_peer import fast, xlm_roberta
from compressors.parity.tokens import Family

LARGE: Final[dict[str, Any]] = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "vocab_size": 250_002,
}
"""XLM-R large: 559 million parameters."""


def minilm(parent: Path, _: Sequence[str]) -> Path:
    """MiniLM's encoder and tokenizer, and a head of random weights; 6 layers, 384 wide."""
    import torch
    from transformers import BertConfig, BertForTokenClassification

    from compressors.models import minilm as bundled

    folder = parent / f"minilm-for-{Family.BERT.value}"
    config = BertConfig(**json.loads((bundled.folder() / "config.json").read_text()))
    torch.manual_seed(7)
    model = BertForTokenClassification(config)
    tensors = bundled.weights()
    encoder = model.bert.state_dict()
    model.bert.load_state_dict({name: tensors[name] for name in encoder})
    # Wide, so that probabilities spread.
    torch.nn.init.normal_(model.classifier.weight, std=0.5)
    model.save_pretrained(folder)
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    fast(bundled.tokenizer(), **names).save_pretrained(folder)
    return folder


def xlm_r_large(parent: Path, texts: Sequence[str]) -> Path:
    """Random weights in the shape of XLM-R large, and a tokenizer trained on the texts."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForTokenClassification

    folder = parent / f"random-{Family.XLM_ROBERTA.value}"
    torch.manual_seed(7)
    config = XLMRobertaConfig(max_position_embeddings=514, pad_token_id=1, **LARGE)
    XLMRobertaForTokenClassification(config).save_pretrained(folder)
    xlm_roberta(texts, 8_000).save_pretrained(folder)
    return folder


SHAPES: Final[Mapping[str, Callable[[Path, Sequence[str]], Path]]] = {
    "minilm": minilm,
    "xlm-r-large": xlm_r_large,
}
