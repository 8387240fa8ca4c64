"""Choose what to keep over the whole document set: best first, until the budget is full."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Final

from compressors.bills import Bill
from compressors.budget import Budget
from compressors.structures.completion import Layout, Scored, trimmed
from compressors.structures.sections import after_space
from compressors.values import Context, Span, heading, join_ranges
from compressors.words import Words

ORDINARY, PREFERRED, PROTECTED = 0, 1, 2
"""Ranks of candidates. Preferred ones go first; protected ones must stay."""

_TRIES: Final = 16
"""Candidates that are tried to be cut where none fits."""

Kept = Mapping[int, Sequence[Scored]]
"""Sorted, disjoint ranges by the index of their passage."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A range of the passage at index ``passage`` of a context that may be kept or dropped.

    ``partner`` is where the candidate begins, of the same passage and right before or behind, that
    it stands or falls with.
    """

    passage: int
    start: int
    end: int
    score: float
    rank: int = ORDINARY
    partner: int | None = None


def select(
    context: Context,
    candidates: Sequence[Candidate],
    budget: Budget,
    *,
    threshold: float,
    floor: float = 0.0,
) -> Context:
    """Keep the best candidates of all passages; every passage keeps its chosen ranges only.

    With a limit: greedily by rank and score whatever still fits and has at least ``floor``, so the
    assembled text is within the limit. Without: what has at least the threshold. What a candidate
    means nothing without, as the header of a table or the title of a document where titles are
    shown, stays with it and is paid for with it; nothing else of it does. Where nothing would stay,
    and the caller does not allow that, the best candidate does, cut to the limit, and without
    titles if they leave no room for it.
    """
    kept = chosen(context, candidates, budget, threshold=threshold, floor=floor)
    return keeping(context, kept, budget)


def chosen(
    context: Context,
    candidates: Sequence[Candidate],
    budget: Budget,
    *,
    threshold: float,
    floor: float = 0.0,
) -> Kept:
    """The ranges that ``select`` keeps, white space at their ends left out."""
    indexes = sorted({candidate.passage for candidate in candidates})
    layouts = {index: Layout.of(context.passages[index]) for index in indexes}
    starts = budget.counter.starts if budget.max_tokens else lambda _: ()
    bills = {index: Bill(layout, starts(layout.text), set()) for index, layout in layouts.items()}
    choice = _Choice(context, layouts, bills, budget)
    ordered = choice.ordered(_paired(candidates))
    least = threshold if budget.max_tokens is None else floor
    worthy = [c for c in ordered if c.rank > ORDINARY or c.score >= least]
    if budget.max_tokens is None:
        kept = choice.completed(worthy)
    else:
        kept = choice.within(choice.greedy(worthy))
    if not kept and ordered and not context.allow_empty:
        kept = choice.cut(ordered)
    return kept


def keeping(context: Context, kept: Kept, budget: Budget) -> Context:
    """The context with nothing but these ranges; without titles where only so they fit."""
    passages = tuple(
        passage.keeping([Span(*scored) for scored in kept.get(index, ())])
        for index, passage in enumerate(context.passages)
    )
    result = replace(context, passages=passages)
    if result.with_titles and not budget.fits(result.text):
        return replace(result, with_titles=False).noting("no room for titles")
    return result


def _paired(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Partners as one candidate, of the best score and rank; nothing of one without the other."""
    bound = [candidate for candidate in candidates if candidate.partner is not None]
    if not bound:
        return candidates
    groups: list[list[Candidate]] = []
    for candidate in sorted(bound, key=attrgetter("passage", "start")):
        last = groups[-1][-1] if groups else candidate
        are_partners = last.partner == candidate.start or candidate.partner == last.start
        if last.passage == candidate.passage and are_partners:
            groups[-1].append(candidate)
        else:
            groups.append([candidate])
    together = [candidate for candidate in candidates if candidate.partner is None]
    together += (_as_one(g) for g in groups if len(g) > 1 or g[0].rank == PROTECTED)
    # One half is better than nothing at all.
    return together or candidates


def _as_one(group: Sequence[Candidate]) -> Candidate:
    score, rank = max(one.score for one in group), max(one.rank for one in group)
    return replace(group[0], end=group[-1].end, score=score, rank=rank)


@dataclass(frozen=True, slots=True)
class _Choice:
    """Passages that have candidates, by their index in a context, and what may stay of all."""

    context: Context
    layouts: Mapping[int, Layout]
    bills: Mapping[int, Bill]
    budget: Budget

    def ordered(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """By rank, score and place. What stays only for the sake of others is left out."""
        worded = [
            c
            for c in candidates
            if self.layouts[c.passage].is_worded(c.start, c.end)
            or (c.rank == PROTECTED and not self._is_blank(c))
        ]
        if not worded:
            worded = [c for c in candidates if not self._is_blank(c)]
        # Sorting is stable, so the last key counts most; single keys are compared faster.
        worded.sort(key=attrgetter("passage", "start"))
        worded.sort(key=attrgetter("score"), reverse=True)
        worded.sort(key=attrgetter("rank"), reverse=True)
        return worded

    def _is_blank(self, candidate: Candidate) -> bool:
        text = self.layouts[candidate.passage].text
        return not text[candidate.start : candidate.end].strip()

    def greedy(self, ordered: Sequence[Candidate]) -> list[Candidate]:
        # Greedy. A knapsack would fit a little more text, but would let one long, dull sentence
        # push out two short, sharp ones.
        limit = left = self.budget.max_tokens or 0
        headings = self._headings()
        if sum(bill.total() for bill in self.bills.values()) + sum(headings.values()) <= limit:
            return list(ordered)
        kept: list[Candidate] = []
        for candidate in ordered:
            if left <= 0 and candidate.rank < PROTECTED:
                break
            bill = self.bills[candidate.passage]
            cost = bill.cost(candidate.start, candidate.end) + headings.get(candidate.passage, 0)
            if cost <= left:
                kept.append(candidate)
                bill.pay(candidate.start, candidate.end)
                headings.pop(candidate.passage, None)
                left -= cost
            elif candidate.rank == PROTECTED:
                raise self.context.protection.refusal(limit)
        return kept

    def _headings(self) -> dict[int, int]:
        """What it costs to show the title of each passage; nothing where none are shown."""
        if not self.context.with_titles:
            return {}
        documents = {index: self.context.passages[index].document for index in self.bills}
        return {i: self.budget.count(heading(document)) for i, document in documents.items()}

    def within(self, candidates: list[Candidate]) -> Kept:
        """The best of candidates, given best first, that are within the limit put together."""
        # Tokens of slices do not quite add up to tokens of the text made of them, so count that
        # text and take the worst away until it fits.
        limit = self.budget.max_tokens or 0
        while candidates:
            kept = self.completed(candidates)
            over = self.budget.count(self._text(kept)) - limit
            if over <= 0:
                return kept
            if candidates[-1].rank == PROTECTED:
                raise self.context.protection.refusal(limit)
            while candidates and over > 0 and candidates[-1].rank != PROTECTED:
                worst = candidates.pop()
                over -= self.bills[worst.passage].cost(worst.start, worst.end, alone=True)
        return {}

    def cut(self, ordered: Sequence[Candidate]) -> Kept:
        """As many words of the best candidate as fit; of the next, where its first does not.

        Where no word fits: the same without titles; then JSON without members, if the best is of
        such, since it parses; else the beginning of a word or of a row, and nothing beside it: the
        limit is hard.
        """
        if self._fits(whole := self.completed(ordered[:1])):
            return whole
        heads = (part for candidate in ordered[:_TRIES] for part in self._heads(candidate))
        parts = (self.completed([part]) for part in chain(heads, self._frames(ordered[0])))
        if self.context.with_titles:
            untitled = replace(self, context=replace(self.context, with_titles=False))
            return next(filter(self._fits, parts), None) or untitled.cut(ordered)
        return next(filter(self._fits, chain(parts, self._torn(ordered[0]))), {})

    def _heads(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate up to the end of each of its words, those that may fit, longest first."""
        layout = self.layouts[candidate.passage]
        starts = self.bills[candidate.passage].starts
        beyond = bisect_left(starts, candidate.start) + (self.budget.max_tokens or 0)
        most = starts[beyond] if beyond < len(starts) else candidate.end
        # A little beyond, so that a word that reaches over is seen to.
        span = candidate.start, min(candidate.end, most + 1)
        for _, end in reversed(Words(layout.text, layout.structures).within([span])):
            if end <= most and layout.is_worded(candidate.start, end):
                yield replace(candidate, end=end)

    def _frames(self, candidate: Candidate) -> Iterator[Candidate]:
        layout = self.layouts[candidate.passage]
        for number in layout.sections(candidate.start, candidate.end)[-1:]:
            opening, *closing = layout.structures.sections[number].frame
            if closing:
                yield replace(candidate, start=opening[0], end=opening[1])

    def _torn(self, candidate: Candidate) -> Iterator[Kept]:
        text = self.layouts[candidate.passage].text
        start = after_space(text, candidate.start)
        tokens = self.bills[candidate.passage].starts
        starts = [at for at in tokens if start < at < candidate.end]
        # To keep more than the budget is worse than to keep nothing, but one character is enough.
        for end in (*reversed(starts[: self.budget.max_tokens]), start + 1):
            left, right = trimmed(text, start, end)
            yield {candidate.passage: [(left, right, candidate.score)]}

    def _fits(self, kept: Kept) -> bool:
        return self.budget.fits(self._text(kept))

    def _text(self, kept: Kept) -> str:
        """The text that a context of these ranges has."""
        texts = {
            i: join_ranges(self.layouts[i].text, [(start, end) for start, end, _ in kept[i]])
            for i in sorted(kept)
        }
        if self.context.with_titles:
            passages = self.context.passages
            texts = {i: heading(passages[i].document) + text for i, text in texts.items() if text}
        return "\n\n".join(filter(None, texts.values()))

    def completed(self, candidates: Iterable[Candidate]) -> Kept:
        """Candidates as ranges by passage, with what they need beside them."""
        by_passage: dict[int, list[Scored]] = {}
        for c in candidates:
            by_passage.setdefault(c.passage, []).append((c.start, c.end, c.score))
        return {i: self.layouts[i].completed(own) for i, own in by_passage.items()}


def runs(text: str, kept: Iterable[Scored]) -> list[Scored]:
    """Neighbours as one range, with the mean of their scores; for ranges that are words."""
    merged: list[list[Scored]] = []
    for scored in kept:
        if merged and _is_space(text, merged[-1][-1][1], scored[0]):
            merged[-1].append(scored)
        else:
            merged.append([scored])
    return [(run[0][0], run[-1][1], sum(score for *_, score in run) / len(run)) for run in merged]


def _is_space(text: str, start: int, end: int) -> bool:
    return start == end or text[start:end].isspace()


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
