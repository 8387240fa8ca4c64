"""Tiny models that were taught a few answers by heart, so that what they write makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from tests.models import tokenizers_made_here as made
from tests.models.models_made_here import fast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MUSEUM = (
    "The Louvre is a museum in Paris, the capital of France. It opened in 1793. Many paintings "
    "are in the museum, and entry is free on Fridays."
)
RIVER = (
    "Rivers and bridges: the city has 37 of each. The oldest bridge was built in 1607. Boats "
    "pass under the bridges all day, and old houses stand on both sides of the rivers."
)
SUMMARIES = {
    MUSEUM: "The Louvre opened in 1793. It is in Paris.",
    RIVER: "The city has 37 bridges. The oldest was built in 1607.",
}
CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def t5(folder: Path, answers: Mapping[str, str] = SUMMARIES) -> Path:
    """A T5 that summarizes these texts, and others as one of them."""
    torch.manual_seed(7)
    raw = made.words_of_t5([*answers.values(), *answers])
    tokenizer = fast(raw, eos="</s>", pad="<pad>", unk="<unk>")
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=48,
            d_kv=12,
            d_ff=96,
            num_layers=1,
            num_heads=4,
            dropout_rate=0.0,
            decoder_start_token_id=0,
            n_positions=128,
        )
    )
    inputs: Any = tokenizer(list(answers), return_tensors="pt", padding=True)
    labels = tokenizer(list(answers.values()), return_tensors="pt", padding=True)["input_ids"]
    labels = labels.masked_fill(labels == tokenizer.pad_token_id, -100)
    _teach(model, {**inputs, "labels": labels})
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def chat_model(folder: Path, talks: Sequence[tuple[Sequence[dict[str, str]], str]]) -> Path:
    """A Llama with a chat template that gives these answers to these messages."""
    torch.manual_seed(7)
    raw = made.llama_like()
    tokenizer = fast(raw, bos="<|begin_of_text|>", eos="<|eot_id|>")
    tokenizer.chat_template = CHAT
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=4096,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=tokenizer.bos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    )
    rows, labels = [], []
    for messages, answer in talks:
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        own = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        end = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        rows.append(torch.tensor(own + end))
        labels.append(torch.tensor([-100] * len(own) + end))
    pad = torch.nn.utils.rnn.pad_sequence
    ids = pad(rows, batch_first=True)
    _teach(
        model,
        {"input_ids": ids, "labels": pad(labels, batch_first=True, padding_value=-100)},
        rate=3e-3,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(model: Any, batch: Mapping[str, torch.Tensor], *, rate: float = 1e-2) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    model.train()
    for step in range(1500):
        # Large steps may circle around the goal; then small ones reach it.
        optimizer.param_groups[0]["lr"] = rate if step < 400 else rate / 10
        loss = model(**batch).loss
        if loss < 0.02:
            break
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    # The tokenizer is not the same every time, and with some the loss ends a little above;
    # every token is still the likeliest by far.
    assert loss < 0.03, f"not learned: {loss}"
