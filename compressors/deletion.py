"""Delete words or sentences: by a ranking, or by lot, which is the baseline of TCRA's paper.

Source: arXiv 2310.15556, random deletion. A method that does not beat it at the same rate is worth
nothing, so it is what benchmarks and the gate of written summaries compare with.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from compressors.budget import Budget, share_of
from compressors.llmlingua2 import keep_words
from compressors.protocols import Segmenter
from compressors.selection import PROTECTED, Candidate, select
from compressors.values import Context, Passage
from compressors.vectors import sentences_of
from compressors.words import Words, is_punctuation


def keep_best_words(context: Context, candidates: Sequence[Candidate], budget: Budget) -> Context:
    """As much of the one ranking as fits the budget, from its top on, with no gaps.

    So what a smaller budget keeps a larger one keeps too, and the next word of the ranking, with
    its partners if it has any, would not have fitted. Raises ``InvalidInput`` if protected texts
    do not fit.
    """
    ordered = sorted(_lifted(candidates), key=lambda c: (-c.rank, -c.score, c.passage, c.start))
    freely = budget.limited_to(None)
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high + 1) // 2
        if budget.fits(keep_words(context, ordered[:middle], freely, threshold=0.0).text):
            low = middle
        else:
            high = middle - 1
    if low < max(1, sum(c.rank == PROTECTED for c in ordered)):
        # Not all that must stay fits, which is refused; or not even the first does. It may be a
        # row of a table, so a later one stays, nested or not, rather than a piece of it.
        return keep_words(context, ordered, budget, threshold=0.0)
    return keep_words(context, ordered[:low], freely, threshold=0.0)


def _lifted(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """Partners at the best rank and score of them, so that they stand side by side."""
    group: list[Candidate] = []
    for candidate in sorted(candidates, key=attrgetter("passage", "start")):
        last = group[-1] if group else candidate
        are_partners = last.partner == candidate.start or candidate.partner == last.start
        if group and not (last.passage == candidate.passage and are_partners):
            yield from _level(group)
            group = []
        group.append(candidate)
    yield from _level(group)


def _level(group: Sequence[Candidate]) -> Sequence[Candidate]:
    if len(group) < 2:  # noqa: PLR2004 - one is level with itself
        return group
    rank, score = max(one.rank for one in group), max(one.score for one in group)
    return [replace(one, rank=rank, score=score) for one in group]


@dataclass(frozen=True, slots=True)
class RandomWords:
    """A ``Compressor`` that keeps words by lot, each with the punctuation behind it.

    Without a budget ``rate`` of the tokens stay. The same seed keeps the same words.
    """

    seed: int
    rate: float = 0.5
    name: str = "random-words"
    backend: str = "chance"

    def compress(self, context: Context, budget: Budget) -> Context:
        rng = random.Random(self.seed)  # noqa: S311 - reproducible, not secret
        candidates = [
            Candidate(index, start, end, rng.random())
            for index, passage in enumerate(context.passages)
            for start, end in _words(passage)
        ]
        return keep_best_words(context, candidates, _limited(context, budget, self.rate))


@dataclass(frozen=True, slots=True)
class RandomSentences:
    """A ``Compressor`` that keeps sentences by lot, as many as fit."""

    seed: int
    segmenter: Segmenter
    rate: float = 0.5
    name: str = "random-sentences"
    backend: str = "chance"

    def compress(self, context: Context, budget: Budget) -> Context:
        rng = random.Random(self.seed)  # noqa: S311 - reproducible, not secret
        candidates = [
            Candidate(index, start, end, score)
            for index, passage in enumerate(context.passages)
            for parts in sentences_of(passage, self.segmenter)
            for score in [rng.random()]
            for start, end in parts
        ]
        limited = _limited(context, budget, self.rate)
        return select(context, candidates, limited, threshold=0.0)


def _words(passage: Passage) -> list[tuple[int, int]]:
    text = passage.document.text
    found: list[tuple[int, int]] = []
    for start, end in Words.of(text).within((span.start, span.end) for span in passage.spans):
        if found and found[-1][1] == start and is_punctuation(text[start:end]):
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _limited(context: Context, budget: Budget, rate: float) -> Budget:
    return budget.limited_to(budget.max_tokens or share_of(budget.count(context.text), rate))
