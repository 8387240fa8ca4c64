"""LLMLingua-2: keep the words that a token classifier says are worth keeping.

Method: arXiv 2403.12968, here in the mode `span`: words are slices of the source, the threshold
is one rank over the whole request, and the budget is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from compressors.budget import Budget
from compressors.errors import InvalidInput
from compressors.protocols import Pieces, TokenScorer
from compressors.scores import LexicalScores, checked, scored
from compressors.selection import (
    ORDINARY,
    PREFERRED,
    PROTECTED,
    Candidate,
    chosen,
    keeping,
    runs,
)
from compressors.values import Context, Passage
from compressors.words import Words, negations, tied_scores, touches


@dataclass(frozen=True, slots=True)
class Llmlingua2:
    """A ``Compressor`` that drops words.

    With a budget: the best words of all documents that fit. Without: those with at least
    ``threshold``. Passages of fewer than ``min_words`` words are spared as long as the budget
    allows it, since dropping words from little text mostly harms. Without a budget passages that
    the scorer does not read are spared too.
    """

    scorer: TokenScorer
    backend: str
    threshold: float = 0.5
    min_words: int = 30
    name: str = "llmlingua2"

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise InvalidInput("llmlingua2.threshold", f"must be in [0, 1], is {self.threshold}")
        if self.min_words < 0:
            raise InvalidInput("llmlingua2.min_words", f"must not be negative, is {self.min_words}")

    def compress(self, context: Context, budget: Budget) -> Context:
        pieces = words_of(context)
        if not pieces:
            return context
        scores = self.scorer.score(list(pieces.values()))
        context = scored(context, dict(zip(pieces, scores, strict=True)))
        candidates: list[Candidate] = []
        for (index, piece), row in zip(pieces.items(), scores, strict=True):
            kept = context.protection.ranges(context.passages[index].document)
            is_spared = budget.max_tokens is None and isinstance(row, LexicalScores)
            least = len(row) + 1 if is_spared else self.min_words
            candidates += word_candidates(index, piece, row, kept, least)
        return keep_words(context, candidates, budget, threshold=self.threshold)


def words_of(context: Context) -> dict[int, Pieces]:
    """The words of every passage that has any, by the index of the passage."""
    return {
        index: Pieces(passage.document.text, tuple(words), passage.document.title)
        for index, passage in enumerate(context.passages)
        if (words := _words(passage))
    }


def _words(passage: Passage) -> list[tuple[int, int]]:
    words = Words.of(passage.document.text)
    return words.within((span.start, span.end) for span in passage.spans)


def word_candidates(
    index: int,
    piece: Pieces,
    scores: Sequence[float],
    kept: Sequence[tuple[int, int]],
    min_words: int,
) -> list[Candidate]:
    """Words as candidates: negations and punctuation tied to their neighbours, few words spared.

    What touches the sorted, disjoint ranges ``kept`` is protected. A negation and the word after it
    stand or fall together.
    """
    ranges = piece.ranges
    values = tied_scores(piece.text, ranges, checked(scores, len(ranges)))
    usual = PREFERRED if len(ranges) < min_words else ORDINARY
    ranks = [usual] * len(ranges)
    if kept:
        ranks = [PROTECTED if touches(*word, kept) else usual for word in ranges]
    partners: list[int | None] = [None] * len(ranges)
    for place in negations([piece.text[start:end] for start, end in ranges]):
        (start, end), (following, _) = ranges[place : place + 2]
        # An earlier stage may have dropped what stood between the two.
        if not piece.text[end:following].strip():
            partners[place], partners[place + 1] = following, start
    return [
        Candidate(index, start, end, value, rank, partner)
        for (start, end), value, rank, partner in zip(ranges, values, ranks, partners, strict=True)
    ]


def keep_words(
    context: Context, candidates: Sequence[Candidate], budget: Budget, *, threshold: float
) -> Context:
    """Select words and join neighbours to runs."""
    kept = chosen(context, candidates, budget, threshold=threshold)
    texts = {index: context.passages[index].document.text for index in kept}
    merged = {index: runs(texts[index], own) for index, own in kept.items()}
    return keeping(context, merged, budget)
