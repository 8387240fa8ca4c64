"""A chat model of a few thousand weights, made on the spot: it talks nonsense, but by the book."""

from __future__ import annotations

from pathlib import Path

SPECIAL = ("<unk>", "<s>", "</s>")
WORDS = ("user", "assistant", "the", "house", "was", "sold", "again", "yes", "no", "it", "warm")
TEMPLATE = (
    "{% for each in messages %}{{ each['role'] + ' ' + each['content'] + ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)


def save_tiny_llm(folder: Path) -> Path:
    """Write a Llama with random weights (a fixed seed) and a word tokenizer. Gives the folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[0]))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, **special)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config)
    # So that it says words, and goes on until it is stopped.
    model.generation_config.suppress_tokens = list(range(len(SPECIAL)))
    model.save_pretrained(folder)
    return folder
