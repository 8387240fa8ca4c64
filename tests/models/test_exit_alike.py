"""Prompts with one context have the ids that each has by itself, though it is read only once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from compressors.models.exit.alike import Alike
from compressors.models.exit.prompt import END, START, Prompt, PromptTokenizer
from compressors.models.vocabulary import Vocabulary
from tests.models import tokenizers_made_here as made
from tests.models.models_made_here import fast
from tests.models.texts import QUERY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from compressors.models.tokenization import Tokens


def prompts_with(kind: Callable[[], Tokenizer], **specials: str) -> PromptTokenizer:
    return PromptTokenizer(Vocabulary.of(fast(kind(), **specials), controls=(START, END)))


TOKENIZERS = {
    "gemma": prompts_with(made.gemma_like, bos="<bos>", pad="<pad>", unk="<unk>"),
    "llama": prompts_with(made.llama_like, bos="<|begin_of_text|>"),
    "qwen": prompts_with(made.qwen_like, eos="<|im_end|>"),
    "unigram": prompts_with(made.xlm_roberta_like, unk="<unk>"),
    "wordpiece": prompts_with(made.bert_like, unk="[UNK]"),
}
PARTS = (
    *made.TEXTS,
    "1234567890",
    "\n\n",
    "\n",
    "  ",
    "....",
    "北京",
    "é",
    "e\u0301",
    "<end_of_turn>",
    "aaaa",
)


class Counting(PromptTokenizer):
    """Counts the characters that it reads."""

    def __init__(self, other: PromptTokenizer) -> None:
        self.__dict__.update(other.__dict__)
        self.characters = 0
        self.whole = 0

    def tokens_of(self, texts: Sequence[str]) -> list[Tokens]:
        self.characters += sum(map(len, texts))
        return super().tokens_of(texts)

    def encode(self, prompts: Sequence[Prompt]) -> list[NDArray[np.int64]]:
        self.whole += len(prompts)
        return super().encode(prompts)


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(seed=st.integers(0, 10**6), parts=st.integers(1, 60))
def test_ids_are_those_of_each_prompt_by_itself(kind: str, seed: int, parts: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a test
    context = "".join(dice.choice(PARTS) + dice.choice(("", " ")) for _ in range(parts))
    sentences = [context[at : at + 40] for at in (dice.randrange(len(context)) for _ in range(5))]
    tokenizer = TOKENIZERS[kind]

    found = Alike(tokenizer, QUERY, context).encode(sentences)

    wanted = tokenizer.encode([Prompt(QUERY, context, sentence) for sentence in sentences])
    assert [ids.tolist() for ids in found] == [ids.tolist() for ids in wanted]


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_long_context_is_read_once(kind: str) -> None:
    tokenizer = Counting(TOKENIZERS[kind])
    context = " ".join(made.TEXTS * 20)

    Alike(tokenizer, QUERY, context).encode(made.TEXTS)

    assert tokenizer.whole == 0
    assert tokenizer.characters < len(context) + 2_000 * len(made.TEXTS)


def in_threes() -> Tokenizer:
    """Cuts digits into threes from their beginning, as Llama 3 does."""
    made_here = Tokenizer(models.WordLevel({"123": 0, "231": 1, "312": 2, "<unk>": 3}, "<unk>"))
    made_here.pre_tokenizer = pre_tokenizers.Split(Regex(r"\p{N}{1,3}|\P{N}"), "isolated")
    return made_here


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_where_tokens_do_not_agree_a_prompt_is_read_whole(shift: int) -> None:
    tokenizer = Counting(prompts_with(in_threes, unk="<unk>"))
    context = "." * shift + "123" * 1_000
    sentences = ["123", "1", "."]
    wanted = tokenizer.encode([Prompt(QUERY, context, sentence) for sentence in sentences])
    tokenizer.whole = 0

    found = Alike(tokenizer, QUERY, context).encode(sentences)

    assert [ids.tolist() for ids in found] == [ids.tolist() for ids in wanted]
    cut = tokenizer.place(Prompt(QUERY, context, "")) - 400
    digits = cut - tokenizer.place(Prompt(QUERY, "", "")) - shift
    assert (tokenizer.whole == 0) == ((digits + len("\nSentence:\n")) % 3 == 0)
