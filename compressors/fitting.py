"""Bring a context within a budget, by what is known of its spans already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compressors.budget import Budget
from compressors.selection import ORDINARY, PROTECTED, Candidate, select
from compressors.values import Context, Span
from compressors.words import Words, touches


def fit(context: Context, budget: Budget) -> Context:
    """The context within the budget, by the scores that its spans have already."""
    if budget.fits(context.text):
        return context
    candidates: list[Candidate] = []
    for index, passage in enumerate(context.passages):
        kept = context.protection.ranges(passage.document)
        for span in passage.spans:
            for start, end, rank in _parts(passage.document.text, span, kept):
                candidates.append(Candidate(index, start, end, span.score, rank))
    return select(context, candidates, budget, threshold=0.0)


def _parts(
    text: str, span: Span, kept: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, int]]:
    """The words of a span that must stay, and what is between them."""
    start = span.start
    if touches(span.start, span.end, kept):
        for left, right in Words.of(text).within([(span.start, span.end)]):
            if touches(left, right, kept):
                if start < left:
                    yield start, left, ORDINARY
                yield left, right, PROTECTED
                start = right
    if start < span.end:
        yield start, span.end, ORDINARY
