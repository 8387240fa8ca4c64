"""Tiny models with random weights, saved as anybody would save them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    BertConfig,
    BertForTokenClassification,
    GemmaConfig,
    GemmaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
)

from tests.models import tokenizers_made_here as made

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

CAUSAL = ("gemma", "llama", "qwen")
CLASSIFIERS = ("bert", "xlm-roberta")
# Wide, so that probabilities spread and a wrong row, mask or position shows.
SPREAD = 0.5
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "initializer_range": SPREAD,
}


def causal(
    kind: str, folder: Path, *, positions: int = 512, vocabulary: int = made.VOCABULARY
) -> Path:
    """A causal language model of a family, with its tokenizer.

    ``vocabulary`` is Qwen's, and a small one splits what others have as one token.
    """
    torch.manual_seed(7)
    sizes = {**SIZES, "num_key_value_heads": 2, "max_position_embeddings": positions}
    if kind == "gemma":
        tokenizer = fast(made.gemma_like(), bos="<bos>", eos="<eos>", pad="<pad>", unk="<unk>")
        config = GemmaConfig(vocab_size=len(tokenizer), head_dim=8, **sizes)
        return _saved(GemmaForCausalLM(config), tokenizer, folder)
    if kind == "llama":
        tokenizer = fast(made.llama_like(), bos="<|begin_of_text|>", eos="<|end_of_text|>")
        untied = LlamaConfig(vocab_size=len(tokenizer), tie_word_embeddings=False, **sizes)
        return _saved(LlamaForCausalLM(untied), tokenizer, folder)
    tokenizer = fast(made.qwen_like(vocabulary), eos="<|im_end|>", pad="<|endoftext|>")
    return _saved(
        Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), **sizes)), tokenizer, folder
    )


def classifier(
    kind: str, folder: Path, *, positions: int = 512, labels: dict[int, str] | None = None
) -> Path:
    """A token classifier of a family, with its tokenizer."""
    torch.manual_seed(7)
    names = labels or {0: "LABEL_0", 1: "LABEL_1"}
    sizes = {**SIZES, "id2label": names, "label2id": {name: index for index, name in names.items()}}
    if kind == "bert":
        tokenizer = fast(
            made.bert_like(), cls="[CLS]", sep="[SEP]", pad="[PAD]", unk="[UNK]", mask="[MASK]"
        )
        config = BertConfig(
            vocab_size=len(tokenizer), max_position_embeddings=positions, pad_token_id=0, **sizes
        )
        return _saved(BertForTokenClassification(config), tokenizer, folder)
    tokenizer = fast(
        made.xlm_roberta_like(),
        bos="<s>",
        eos="</s>",
        cls="<s>",
        sep="</s>",
        pad="<pad>",
        unk="<unk>",
        mask="<mask>",
    )
    shifted = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        # Positions begin behind the padding's, so a model for n tokens has n + 2 of them.
        max_position_embeddings=positions + 2,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        type_vocab_size=1,
        **sizes,
    )
    return _saved(XLMRobertaForTokenClassification(shifted), tokenizer, folder)


def fast(tokenizer: Tokenizer, **specials: str) -> PreTrainedTokenizerFast:
    """Transformers' tokenizer around a raw one; ``bos="<s>"`` names the first token."""
    names = {f"{name}_token": token for name, token in specials.items()}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def _saved(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
