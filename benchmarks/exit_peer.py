"""EXIT as its authors run it, and models and documents to run it on.

The reference is restated from spec/exit.md 1.1 and 1.2 (the final code of 2026): a prompt for each
sentence with its whole document, batches of 8 in the order of the sentences, padded at the left,
one call of transformers' model with its whole head at every position, float32 softmax over the
logits of Yes and No at the last one, and the mass of both.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compressors.models.exit.prompt import END, START, Prompt, context_of
from compressors.protocols import Pieces

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

BATCH: Final = 8
QUERY: Final = "which of the old bridges was open before the river changed its way"


@dataclass(frozen=True, slots=True)
class Shape:
    """A model with random weights, as its family's configuration names its sizes."""

    family: str
    layers: int
    width: int
    inner: int
    heads: int
    shared_heads: int
    head_width: int
    vocabulary: int

    def model(self, device: str, dtype: str) -> PreTrainedModel:
        """The same weights at every call."""
        import torch
        import transformers

        config = getattr(transformers, f"{self.family}Config")(
            num_hidden_layers=self.layers,
            hidden_size=self.width,
            intermediate_size=self.inner,
            num_attention_heads=self.heads,
            num_key_value_heads=self.shared_heads,
            head_dim=self.head_width,
            vocab_size=self.vocabulary,
            max_position_embeddings=8192,
        )
        torch.manual_seed(1)
        before = torch.get_default_dtype()
        torch.set_default_dtype(getattr(torch, dtype))
        try:
            with torch.device(device):
                made: PreTrainedModel = getattr(transformers, f"{self.family}ForCausalLM")(config)
        finally:
            torch.set_default_dtype(before)
        made.train(mode=False)
        return made


SHAPES: Final = {
    "small": Shape("Llama", 6, 256, 1024, 4, 4, 64, 32_000),
    "gemma-small": Shape("Gemma", 6, 256, 2048, 4, 1, 64, 256_000),
    "gemma-2b": Shape("Gemma", 18, 2048, 16_384, 8, 1, 256, 256_000),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A ``SentenceScorer``: the authors' way."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast

    def score(self, query: str, documents: Sequence[Pieces]) -> Sequence[Sequence[float]]:
        prompts = [prompt for document in documents for prompt in prompts_of(query, document)]
        scores: list[float] = []
        for first in range(0, len(prompts), BATCH):
            scores += self._scores(prompts[first : first + BATCH])
        left = iter(scores)
        return [[next(left) for _ in document.ranges] for document in documents]

    def _scores(self, prompts: list[str]) -> list[float]:
        import torch

        inputs = self.tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left")
        inputs = inputs.to(self.model.device)
        with torch.inference_mode():
            logits = self.model(**inputs, use_cache=False).logits[:, -1, :].float()
            both = logits[:, self.answers]
            # The mass is part of what the authors compute; they warn where it is low.
            (both.logsumexp(1) - logits.logsumexp(1)).exp().min().item()
            found: list[float] = both.softmax(1)[:, 0].tolist()
        return found

    @property
    def answers(self) -> list[int]:
        return [self.tokenizer.encode(word, add_special_tokens=False)[0] for word in ("Yes", "No")]

    def tokens(self, query: str, documents: Sequence[Pieces]) -> int:
        """How many tokens the model reads, padding included."""
        prompts = [prompt for document in documents for prompt in prompts_of(query, document)]
        sizes = [len(ids) for ids in self.tokenizer(prompts)["input_ids"]]
        batches = [sizes[first : first + BATCH] for first in range(0, len(sizes), BATCH)]
        return sum(max(batch) * len(batch) for batch in batches)


def prompts_of(query: str, document: Pieces) -> list[str]:
    context = context_of(document.title, document.text)
    return [
        Prompt(query, context, document.text[start:end].strip()).text()
        for start, end in document.ranges
    ]


def words(count: int, seed: int = 3) -> list[str]:
    """Made-up words, frequent ones first."""
    dice = random.Random(seed)  # noqa: S311 - a benchmark
    parts = [c + v for c in "bdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "an", "er", "is")]
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(dice.choices(parts, k=dice.choice((1, 2, 2, 3))))] = None
    return list(found)


def sentences(seed: int) -> Iterator[str]:
    """Sentences of 10 to 26 made-up words, some words being far more frequent than others."""
    dice = random.Random(seed)  # noqa: S311 - a benchmark
    known = words(6_000)
    weights = [1 / (rank + 10) for rank in range(len(known))]
    while True:
        chosen = dice.choices(known, weights, k=dice.randint(10, 26))
        yield " ".join(chosen).capitalize() + "."


def tokenizer() -> PreTrainedTokenizerFast:
    """BPE of Gemma's kind, with its markers, taught on the benchmark's own sentences."""
    from tokenizers import (
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    specials = ["<pad>", "<eos>", "<bos>", "<unk>", START, END]
    made = Tokenizer(models.BPE(unk_token="<unk>"))  # noqa: S106 - no password
    made.normalizer = normalizers.Replace(" ", "\u2581")
    made.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    source = sentences(seed=5)
    template = Prompt(QUERY, "", "Yes No").text("", "")
    texts = [*(next(source) for _ in range(4_000)), *[template, "Yes", "No"] * 50]
    trainer = trainers.BpeTrainer(vocab_size=4_000, special_tokens=specials, show_progress=False)
    made.train_from_iterator(texts, trainer)
    made.decoder = decoders.Replace("\u2581", " ")
    made.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    names = {f"{name}_token": f"<{name}>" for name in ("pad", "eos", "bos", "unk")}
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)  # type: ignore[no-untyped-call] # transformers'


def document(size: int, count: int, seed: int, counter: PreTrainedTokenizerFast) -> Pieces:
    """So many sentences, of about so many tokens together."""
    source = sentences(seed)
    pool = sorted(
        (next(source) for _ in range(4 * count)), key=lambda text: len(counter.tokenize(text))
    )
    sizes = [len(counter.tokenize(text)) for text in pool]
    # The run of neighbours in length whose sum is nearest to what is asked for.
    first = min(range(3 * count), key=lambda i: abs(sum(sizes[i : i + count]) - size))
    chosen = pool[first : first + count]
    random.Random(seed).shuffle(chosen)  # noqa: S311 - a benchmark
    text, ranges = "", []
    for sentence in chosen:
        start = len(text)
        text += sentence
        ranges.append((start, len(text)))
        text += " "
    return Pieces(text, tuple(ranges), "Of bridges")
