"""Let a summary stand for each group of passages, with what must stay verbatim beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class Group:
    """Passages by their index in the context, none without text.

    ``name`` becomes the id of the summary; shares of a budget go by ``weight``, at least 1.
    """

    name: str
    passages: Mapping[int, Passage]
    weight: int

    @property
    def text(self) -> str:
        return assemble(tuple(self.passages.values()))


@dataclass(frozen=True, slots=True)
class GroupSummaries:
    """Writes a summary for each group, within its share of the budget.

    A group that fits its share passes as it is. One whose summarizer fails, or writes what must
    not be accepted, keeps its representative sentences. One without a share is dropped. Sentences
    with protected text stay, and are not summarized.
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
        tasks = [Task(tuple(rest[number].passages.values()), shares[number]) for number in short]
        answers = summaries(self.summarizer, self.query, tasks, budget)
        written = dict(zip(short, answers, strict=True))

        done = _Done({}, {})
        for number, group in enumerate(rest):
            answer = written.get(number)
            if isinstance(answer, Summary):
                done = done.summarized(group, _opening(context, group, answer))
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
    """Passages as they are to be, and summaries by the index that they come before."""

    passages: dict[int, Passage]
    openings: dict[int, Passage]

    def kept(self, passages: Mapping[int, Passage]) -> _Done:
        return replace(self, passages={**self.passages, **passages})

    def summarized(self, group: Group, opening: Passage) -> _Done:
        gone = {i: replace(p, spans=(), summarized=True) for i, p in group.passages.items()}
        return _Done({**self.passages, **gone}, {**self.openings, min(group.passages): opening})


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
    number, total = len(group.passages), sum(bool(p.spans) for p in context.passages)
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
    for index, passage in enumerate(context.passages):
        if index in done.openings:
            passages.append(done.openings[index])
        passages.append(_merged(done.passages.get(index), held.get(index)) or passage)
    return replace(context, passages=tuple(passages))


def _merged(one: Passage | None, held: Passage | None) -> Passage | None:
    if one is None or held is None:
        return one or held
    return replace(held, spans=tuple(sorted([*one.spans, *held.spans])))
