"""Tiny decoders of families that attend in their own ways, with a tokenizer of Gemma's kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import transformers

from tests.models import tokenizers_made_here as made
from tests.models.models_made_here import SIZES, fast

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = 24
_SHARED_HEADS = {"num_key_value_heads": 2, "max_position_embeddings": 512}
_LAYERS = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
FAMILIES: dict[str, dict[str, Any]] = {
    "Gemma": {"head_dim": 8, **_SHARED_HEADS},
    "Llama": {"tie_word_embeddings": False, **_SHARED_HEADS},
    "Qwen2": _SHARED_HEADS,
    "Qwen3": {"head_dim": 8, **_SHARED_HEADS},
    "Phi3": {"pad_token_id": 0, "sliding_window": None, **_SHARED_HEADS},
    "Mistral": {"sliding_window": WINDOW, **_SHARED_HEADS},
    "Gemma2": {
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 5.0,
        **_LAYERS,
        **_SHARED_HEADS,
    },
    "Gemma3Text": {"head_dim": 8, "query_pre_attn_scalar": 8, **_LAYERS, **_SHARED_HEADS},
}
"""Families that read branches, and what their configuration needs beyond the sizes."""
ALONE: dict[str, dict[str, Any]] = {
    "GptOss": {
        "head_dim": 8,
        "num_local_experts": 2,
        "num_experts_per_tok": 1,
        **_LAYERS,
        **_SHARED_HEADS,
    },
    "Bloom": {"n_head": 4, "n_layer": 2},
    "Falcon": {"alibi": True},
}
"""Families that do not, and are asked one prompt at a time."""


def decoder(family: str, folder: Path, **options: Any) -> Path:
    """A model of a family with random weights, saved with its tokenizer."""
    tokenizer = fast(made.gemma_like(), bos="<bos>", eos="<eos>", pad="<pad>", unk="<unk>")
    needed = {**FAMILIES, **ALONE}[family]
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer), **{**SIZES, **needed, **options}
    )
    torch.manual_seed(7)
    name = family.removesuffix("Text")
    model = getattr(transformers, f"{name}ForCausalLM")(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
