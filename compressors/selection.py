"""Choose what to keep over the whole document set: best first, until the budget is full."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from compressors.budget import Budget
from compressors.values import Context, Passage, Span

ORDINARY, PREFERRED, PROTECTED = 0, 1, 2
"""Ranks of candidates. Preferred ones go first; protected ones must stay."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A range of the passage at index ``passage`` of a context that may be kept or dropped."""

    passage: int
    start: int
    end: int
    score: float
    rank: int = ORDINARY


def select(
    context: Context, candidates: Sequence[Candidate], budget: Budget, *, threshold: float
) -> Context:
    """Keep the best candidates of all passages; every passage keeps its chosen ranges only.

    With a limit: greedily by rank and score whatever still fits, so the assembled text is within
    the limit. Without: what has at least the threshold. Where nothing would stay, and the caller
    does not allow that, the best candidate does, cut to the limit.
    """
    ordered = sorted(
        (c for c in candidates if not _is_blank(context, c)),
        key=lambda c: (-c.rank, -c.score, c.passage, c.start),
    )
    if budget.max_tokens is None:
        kept = [c for c in ordered if c.rank > ORDINARY or c.score >= threshold]
    else:
        kept = _within(context, _greedy(context, ordered, budget), budget)
    if not kept and ordered and not context.allow_empty:
        kept = [_cut(context, ordered[0], budget)]
    return _with_only(context, kept)


def fit(context: Context, budget: Budget) -> Context:
    """The context within the budget, by the scores that its spans have already."""
    if budget.fits(context.text):
        return context
    candidates = [
        Candidate(index, span.start, span.end, span.score)
        for index, passage in enumerate(context.passages)
        for span in passage.spans
    ]
    return select(context, candidates, budget, threshold=0.0)


def _is_blank(context: Context, candidate: Candidate) -> bool:
    text = context.passages[candidate.passage].document.text
    return not text[candidate.start : candidate.end].strip()


def _greedy(context: Context, ordered: Sequence[Candidate], budget: Budget) -> list[Candidate]:
    # Greedy. A knapsack would fit a little more text, but would let one long, dull sentence push
    # out two short, sharp ones.
    starts = _token_starts(context, {c.passage for c in ordered}, budget)
    limit = left = budget.max_tokens or 0
    kept: list[Candidate] = []
    for candidate in ordered:
        if left <= 0 and candidate.rank < PROTECTED:
            break
        cost = _cost(starts[candidate.passage], candidate)
        if cost <= left:
            kept.append(candidate)
            left -= cost
        elif candidate.rank == PROTECTED:
            raise context.protection.refusal(limit)
    return kept


def _token_starts(
    context: Context, indexes: Iterable[int], budget: Budget
) -> dict[int, Sequence[int]]:
    texts = {index: context.passages[index].document.text for index in indexes}
    return {index: budget.counter.starts(text) for index, text in texts.items()}


def _cost(starts: Sequence[int], candidate: Candidate) -> int:
    # Never free: a range inside one long token would otherwise be.
    inside = bisect_left(starts, candidate.end) - bisect_left(starts, candidate.start)
    return max(1, inside)


def _within(context: Context, kept: list[Candidate], budget: Budget) -> list[Candidate]:
    # Tokens of slices do not quite add up to tokens of the text made of them, so count that text
    # and take the worst away until it fits.
    limit = budget.max_tokens or 0
    while kept:
        over = budget.count(_with_only(context, kept).text) - limit
        if over <= 0:
            break
        if kept[-1].rank == PROTECTED:
            raise context.protection.refusal(limit)
        freed = 0
        while kept and freed < over and kept[-1].rank != PROTECTED:
            worst = kept.pop()
            text = context.passages[worst.passage].document.text[worst.start : worst.end]
            freed += budget.count(text)
    return kept


def _cut(context: Context, best: Candidate, budget: Budget) -> Candidate:
    if budget.max_tokens is None:
        return best
    text = context.passages[best.passage].document.text
    starts = [s for s in budget.counter.starts(text) if best.start <= s < best.end]
    for tokens in range(min(budget.max_tokens, len(starts)), 0, -1):
        end = starts[tokens] if tokens < len(starts) else best.end
        if budget.fits(text[best.start : end].strip()):
            return replace(best, end=end)
    return best


def _with_only(context: Context, kept: Sequence[Candidate]) -> Context:
    by_passage: dict[int, list[Candidate]] = {}
    for candidate in kept:
        by_passage.setdefault(candidate.passage, []).append(candidate)
    passages = tuple(
        passage.keeping(_spans(passage, by_passage.get(index, ())))
        for index, passage in enumerate(context.passages)
    )
    return replace(context, passages=passages)


def _spans(passage: Passage, kept: Sequence[Candidate]) -> list[Span]:
    text = passage.document.text
    spans: list[Span] = []
    for candidate in sorted(kept, key=lambda c: c.start):
        start, end = trimmed(text, candidate.start, candidate.end)
        if start < end:
            spans.append(Span(start, end, candidate.score))
    return spans


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without the white space at its ends; empty if it holds nothing else."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece) - len(piece.rstrip())
    return (start + left, end - right) if left < len(piece) else (start, start)


def merge_runs(passage: Passage) -> Passage:
    """Neighbouring spans as one, with the mean of their scores; for spans that are words."""
    text = passage.document.text
    runs: list[list[Span]] = []
    for span in passage.spans:
        if runs and not text[runs[-1][-1].end : span.start].strip():
            runs[-1].append(span)
        else:
            runs.append([span])
    return passage.keeping(
        [Span(r[0].start, r[-1].end, sum(s.score for s in r) / len(r)) for r in runs]
    )


def inside(ranges: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[tuple[int, int]]:
    """The parts of sorted ranges that lie inside sorted spans."""
    parts: list[tuple[int, int]] = []
    position = 0
    for start, end in ranges:
        while position < len(spans) and spans[position].end <= start:
            position += 1
        at = position
        while at < len(spans) and spans[at].start < end:
            parts.append((max(start, spans[at].start), min(end, spans[at].end)))
            at += 1
    return parts
