"""The package ``llmlingua`` with the probabilities of our own token head. Importing it is slow."""

from __future__ import annotations

import random
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from llama_index.core.utils import get_tokenizer
from llmlingua import PromptCompressor

from compressors.budget import Counter
from compressors.models import minilm
from compressors.models.embedded import WEIGHTS
from compressors.values import join_ranges
from evaluation.baselines.pieces import shortened, size, wholes
from evaluation.baselines.token_head import RememberedLogits, export
from evaluation.values import Example, Kept, Range, Shortened

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PERCENT: Final = range(1, 100)
"""Rates that make a difference: the package rounds to percentiles."""
_WORDS, _LABEL = "\t\t|\t\t", " "
"""What the package puts between two words, and between a word and its label."""


@dataclass(frozen=True, slots=True)
class PackageWords:
    """``PromptCompressor.compress_prompt`` of LLMLingua-2 on the documents as its list of contexts.

    Source: arXiv 2403.12968, and the package in its version 0.2.2. Behind it stands a token
    classifier with the encoder and the keep head of the embedded model, so that only the choice of
    words differs from ours. The rate is the largest whole percentage whose result fits into the
    budget; the package knows no finer ones, so the first documents get one more while that fits,
    as if they were compressed by themselves. Its filter of whole contexts is off, as for the one
    prompt that its README compresses: it would drop documents whatever the query is. Nothing is
    forced.

    The package says which words it keeps, and they are taken from the original: its own text is
    lower-cased by MiniLM's vocabulary and spaced around punctuation, which would lose answers that
    it has kept. Where its words are not those of the text, its text is given as it is, without
    spans. The model runs once for all rates, without the padding to 512 tokens, which changes no
    probability; so its seconds are fewer than a user's.
    """

    package: PromptCompressor
    tokenizer: Tokenizer
    counter: Counter
    name: str = "llmlingua"

    @classmethod
    def load(cls, counter: Counter, folder: Path = WEIGHTS) -> PackageWords:
        """With the weights in ``folder``. Raises ``ImportError`` or ``Unavailable``."""
        return cls(package(folder), _plain_tokenizer(), counter)

    def shorten(self, example: Example, budgets: Sequence[int]) -> list[Shortened]:
        rates = _Rates(self, example)
        return [rates.within(budget) for budget in budgets]


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of each document, and its tokens."""

    parts: Mapping[int, tuple[Kept, int]]

    @property
    def total(self) -> int:
        return sum(tokens for _, tokens in self.parts.values())


class _Rates:
    """What the package leaves of an example, by rate."""

    def __init__(self, method: PackageWords, example: Example) -> None:
        self._method = method
        self._example = example
        own = [_words(method.tokenizer, source.text) for source in example.documents]
        # Of a document without a word that the vocabulary has, the package would fail.
        self._own = {index: words for index, words in enumerate(own) if words}
        self._lengths = [len(self._labels([index], 50)[0]) for index in self._own]
        self._known: dict[int, _Left] = {}

    def within(self, budget: int) -> Shortened:
        whole = shortened(self._example, wholes(self._example))
        if size(whole, self._method.counter) <= budget:
            return whole
        # No word is dropped for a higher rate, so sizes ascend.
        best = bisect_right(_PERCENT, budget, key=lambda percent: self._at(percent).total)
        at = [self._at(percent).parts for percent in _PERCENT[max(0, best - 1) : best + 1]]
        return _filled(at[0] if best else {}, at[-1], budget)

    def _at(self, percent: int) -> _Left:
        if percent not in self._known:
            found = self._mapped(*self._labels(list(self._own), percent))
            counts = self._method.counter.count([kept.text for kept in found])
            parts = zip(found, counts, strict=True)
            self._known[percent] = _Left({one.document: (one, count) for one, count in parts})
        return self._known[percent]

    def _labels(self, documents: Sequence[int], percent: int) -> tuple[list[str], list[str]]:
        """Every word with its label, of all documents in a row, and the text left of each."""
        if not documents:
            return [], []
        result = self._method.package.compress_prompt(
            [self._example.documents[index].text for index in documents],
            rate=percent / 100,
            use_context_level_filter=False,
            return_word_label=True,
            word_sep=_WORDS,
            label_sep=_LABEL,
        )
        return result["fn_labeled_original_prompt"].split(_WORDS), result["compressed_prompt_list"]

    def _mapped(self, labels: Sequence[str], texts: Sequence[str]) -> Shortened:
        found: list[Kept] = []
        for (index, own), text, length in zip(self._own.items(), texts, self._lengths, strict=True):
            mine, labels = labels[:length], labels[length:]
            if kept := self._document(index, own, mine, text):
                found.append(kept)
        return tuple(found)

    def _document(
        self, index: int, own: Sequence[tuple[str, Range]], labels: Sequence[str], text: str
    ) -> Kept | None:
        pairs = [label.rsplit(_LABEL, 1) for label in labels]
        if [word for word, _ in pairs] != [word for word, _ in own]:
            return Kept(index, text.strip(), None) if text.strip() else None
        spans = tuple(
            span for (_, span), (_, label) in zip(own, pairs, strict=True) if label == "1"
        )
        source = self._example.documents[index]
        return Kept(index, join_ranges(source.text, spans), spans) if spans else None


def _filled(
    fitting: Mapping[int, tuple[Kept, int]], next_up: Mapping[int, tuple[Kept, int]], budget: int
) -> Shortened:
    """What fits, with the first documents taken from what one percent more leaves of them."""
    parts = dict(fitting)
    left = budget - sum(tokens for _, tokens in parts.values())
    for index, (kept, tokens) in next_up.items():
        more = tokens - (parts[index][1] if index in parts else 0)
        if more <= left:
            parts[index] = kept, tokens
            left -= more
    return tuple(kept for _, (kept, _) in sorted(parts.items()))


def package(folder: Path) -> PromptCompressor:
    """The package's compressor with the embedded model's encoder and keep head, on the CPU."""
    # Has OpenAI's encoding read from the file that LlamaIndex ships: the package asks for it, too,
    # and would download it.
    get_tokenizer()
    with TemporaryDirectory() as parent, _undisturbed():
        # The package tells by its path what kind of tokenizer a model has.
        path = Path(parent) / "bert-base-multilingual-cased-keep"
        export(folder, path)
        made = PromptCompressor(
            str(path),
            device_map="cpu",
            model_config={"trust_remote_code": False},
            use_llmlingua2=True,
        )
    made.model = RememberedLogits(made.model)
    return made


@contextmanager
def _undisturbed() -> Iterator[None]:
    """The package seeds all random numbers of the process; put them back."""
    states: Any = random.getstate(), np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002 - what it seeds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.random.set_rng_state(states[2])


def _plain_tokenizer() -> Tokenizer:
    tokenizer = minilm.tokenizer()
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _words(tokenizer: Tokenizer, text: str) -> list[tuple[str, Range]]:
    """The words of a text as the package merges tokens to them, and where each stands."""
    encoding = tokenizer.encode(text, add_special_tokens=False)
    words: list[tuple[str, Range]] = []
    for token, (start, end), special in zip(
        encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True
    ):
        if special or token == "[UNK]":  # noqa: S105 - a token of a text
            continue
        if token.startswith("##") and words:
            word, (first, _) = words[-1]
            words[-1] = word + token.removeprefix("##"), (first, end)
        else:
            words.append((token, (start, end)))
    return words
