"""Let a summary stand for each group of passages, with what must stay verbatim beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from compressors.budget import Budget
from compressors.protection import Protection
from compressors.protocols import Segmenter, Summarizer, Summary
from compressors.representatives import Representatives
from compressors.selection import ORDINARY, PROTECTED, Candidate, select
from compressors.summaries import Refused, Task, apportion, summaries
from compressors.values import Context, Document, Passage, Source, Span, assemble
from compressors.vectors import sentences_of
from compressors.words import touches

_FLOOR = 24
"""Tokens below which a summary says too little, where the budget goes round."""
_SMALL = 3
"""A header may have one of so many parts of the share of its group."""


@dataclass(frozen=True, slots=True)
class Group:
    """Passages by their index in the context, none without text.

    ``name`` becomes the id of the summary; shares of a budget go by ``weight``, at least 1. A
    ``header`` is a line above the summary, if its share has room for both. ``copies`` say nothing
    else than ``passages`` and are not read; the summary stands for them too. Summaries of groups
    of more ``closeness`` come first.
    """

    name: str
    passages: Mapping[int, Passage]
    weight: int
    header: str = ""
    copies: Mapping[int, Passage] = field(default_factory=dict)
    closeness: float = 0.0

    @property
    def text(self) -> str:
        return assemble(tuple(self.passages.values()))


@dataclass(frozen=True, slots=True)
class GroupSummaries:
    """Writes a summary for each group, within its share of the budget.

    A group that fits its share passes as it is, but for its copies. One whose summarizer fails, or
    writes what must not be accepted, keeps its representative sentences. One without a share is
    dropped. Sentences with protected text stay, and are not summarized.
    """

    summarizer: Summarizer
    representatives: Representatives
    query: str

    def of(self, context: Context, groups: Sequence[Group], budget: Budget) -> Context:
        """The context within the budget, which must have a limit."""
        held, rest = _parted(context, groups, self.representatives.segmenter)
        sizes = [budget.count(group.text) for group in rest]
        shares = _shares(context, rest, sizes, held, budget)
        short = [number for number in range(len(rest)) if 0 < shares[number] < sizes[number]]
        headers = {n: _header(rest[n], shares[n], budget) for n in short}
        tasks = [
            Task(tuple(rest[n].passages.values()), shares[n] - budget.count(headers[n]))
            for n in short
        ]
        answers = summaries(self.summarizer, self.query, tasks, budget)
        written = dict(zip(short, answers, strict=True))

        done = _Done({i: p.keeping(()) for group in groups for i, p in group.copies.items()}, ())
        for number, group in enumerate(rest):
            answer = written.get(number)
            if isinstance(answer, Summary):
                text = _headed(headers[number], answer.text, budget.limited_to(shares[number]))
                opening = _opening(context, group, replace(answer, text=text))
                done = done.summarized(group, opening)
            elif isinstance(answer, Refused):
                context = context.noting(f"summary refused ({answer.reason}), sentences instead")
                limited = budget.limited_to(shares[number])
                done = done.kept(self._sentences(context, group, limited))
            elif shares[number] == sizes[number]:
                done = done.kept(group.passages)
            else:
                context = context.noting("no room for a summary")
                done = done.kept({i: p.keeping(()) for i, p in group.passages.items()})
        return self._within(_assembled(context, done, held), held, budget)

    def _sentences(self, context: Context, group: Group, budget: Budget) -> dict[int, Passage]:
        (sentences,) = self.representatives.ranked(context.query, [group.passages])
        candidates = [part for sentence in sentences for part in sentence]
        selected = select(context, candidates, budget, threshold=0.0)
        return {index: selected.passages[index] for index in group.passages}

    def _within(self, context: Context, held: Mapping[int, Passage], budget: Budget) -> Context:
        # What stands between the parts, and tokens that merge at their borders, are not quite
        # the sum that the shares were made from. So the last sentences may have to go.
        if budget.fits(context.text):
            return context
        verbatim = {p.document.id: set(p.spans) for p in held.values()}
        candidates: list[Candidate] = []
        for index, passage in enumerate(context.passages):
            sentences = sentences_of(passage, self.representatives.segmenter)
            own = verbatim.get(passage.document.id, set())
            for place, parts in enumerate(sentences):
                score = 1.0 - place / len(sentences)
                for start, end in parts:
                    rank = PROTECTED if Span(start, end) in own else ORDINARY
                    candidates.append(Candidate(index, start, end, score, rank))
        return select(context, candidates, budget, threshold=0.0)


@dataclass(frozen=True, slots=True)
class _Done:
    """Passages as they are to be, and the groups that have summaries."""

    passages: dict[int, Passage]
    openings: tuple[tuple[Group, Passage], ...]

    def kept(self, passages: Mapping[int, Passage]) -> _Done:
        return replace(self, passages={**self.passages, **passages})

    def summarized(self, group: Group, opening: Passage) -> _Done:
        members = {**group.passages, **group.copies}
        gone = {i: replace(p, spans=(), summarized=True) for i, p in members.items()}
        return _Done({**self.passages, **gone}, (*self.openings, (group, opening)))

    def placed(self) -> dict[int, Passage]:
        """Summaries by the index that they come before.

        The places are those of the first documents of the groups, taken in order of closeness.
        """
        places = sorted(min(group.passages) for group, _ in self.openings)
        by_closeness = sorted(self.openings, key=lambda o: (-o[0].closeness, min(o[0].passages)))
        return dict(zip(places, (opening for _, opening in by_closeness), strict=True))


def _header(group: Group, share: int, budget: Budget) -> str:
    # What it takes is taken from the summary, so it has to be small beside that.
    header = f"{group.header}\n" if group.header else ""
    return header if budget.count(header) * _SMALL <= share else ""


def _headed(header: str, text: str, budget: Budget) -> str:
    # Tokens may merge where the two meet, or not, so what counts is the whole.
    return whole if budget.fits(whole := header + text) else text


def _parted(
    context: Context, groups: Sequence[Group], segmenter: Segmenter
) -> tuple[dict[int, Passage], list[Group]]:
    """Sentences with protected text by passage, and the groups without these."""
    if not context.protection:
        return {}, list(groups)
    held: dict[int, Passage] = {}
    rest: list[Group] = []
    for group in groups:
        others: dict[int, Passage] = {}
        for index, passage in group.passages.items():
            verbatim, other = _split(passage, context.protection, segmenter)
            if verbatim.spans:
                held[index] = verbatim
            if other.spans:
                others[index] = other
        if others:
            rest.append(replace(group, passages=others))
    return held, rest


def _split(
    passage: Passage, protection: Protection, segmenter: Segmenter
) -> tuple[Passage, Passage]:
    kept = protection.ranges(passage.document)
    verbatim: list[Span] = []
    other: list[Span] = []
    for parts in sentences_of(passage, segmenter):
        spans = [Span(start, end) for start, end in parts]
        is_kept = any(touches(start, end, kept) for start, end in parts)
        (verbatim if is_kept else other).extend(spans)
    return passage.keeping(verbatim), (passage.keeping(other) if verbatim else passage)


def _shares(
    context: Context,
    groups: Sequence[Group],
    sizes: Sequence[int],
    held: Mapping[int, Passage],
    budget: Budget,
) -> list[int]:
    limit = budget.max_tokens or 0
    verbatim = budget.count(assemble(tuple(held.values())))
    if verbatim > limit:
        raise context.protection.refusal(limit)
    between = budget.count("\n\n") * max(0, len(groups) + len(held) - 1)
    left = max(0, limit - verbatim - between)
    return apportion(left, [group.weight for group in groups], sizes, floor=_FLOOR)


def _opening(context: Context, group: Group, summary: Summary) -> Passage:
    # A summary that was written from another summary names the documents behind that one.
    by_id = {passage.document.id: passage.document for passage in group.passages.values()}
    sources: dict[Source, None] = {}
    for source in summary.sources:
        behind = by_id[source.document_id].sources if source.document_id in by_id else ()
        sources.update(dict.fromkeys(behind or (source,)))
    number = len(group.passages) + len(group.copies)
    total = sum(bool(p.spans) for p in context.passages)
    title = f"{number} of {total} documents"
    metadata = {"documents": number, "of": total}
    taken = {passage.document.id for passage in context.passages}
    own = _free(group.name, taken)
    return Passage.whole(Document(own, summary.text, title, metadata, tuple(sources)))


def _free(name: str, taken: set[str]) -> str:
    candidates = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(candidate for candidate in candidates if candidate not in taken)


def _assembled(context: Context, done: _Done, held: Mapping[int, Passage]) -> Context:
    passages: list[Passage] = []
    openings = done.placed()
    for index, passage in enumerate(context.passages):
        if index in openings:
            passages.append(openings[index])
        passages.append(_merged(done.passages.get(index), held.get(index)) or passage)
    return replace(context, passages=tuple(passages))


def _merged(one: Passage | None, held: Passage | None) -> Passage | None:
    if one is None or held is None:
        return one or held
    return replace(held, spans=tuple(sorted([*one.spans, *held.spans])))
